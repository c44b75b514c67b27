//! The `patchboard:routes` custom section: the routes a component brings, and what wraps them.
//!
//! Each route attribute of the SDK adds one line of JSON to the section, which lies
//! in a core module inside the component, so it is read without running anything:
//! `{"v":2,"method":"POST","pattern":"/demo1/{name}","name":"demo1","id":1}`.

use std::cmp::Ordering;
use std::sync::Arc;

use patchboard_pattern::{Record, SECTION};
use serde::Deserialize;
use wasmparser::{Parser, Payload};

use super::claim::Declaration;
use super::component::REBUILD;
use crate::router::{MethodFilter, Pattern, RoutePattern};

/// The most a section may hold, in bytes.
const LONGEST: usize = 1 << 20;

/// What a component says of its routes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) routes: Vec<Declaration>,
    /// The function that wraps all of them, by name.
    pub(super) wraps: Option<Arc<str>>,
}

/// What every version of a line has, and what tells its kind.
#[derive(Deserialize)]
struct Version {
    v: u32,
    wraps: Option<String>,
}

/// Reads the routes of a component; none where it has no section, and those so far where
/// the component is malformed, which the compiler reports in its own words.
pub(super) fn read(component: &[u8]) -> Result<Section, String> {
    let mut found = Section::default();
    for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
        if let Payload::CustomSection(section) = payload
            && section.name() == SECTION
        {
            parse(section.data(), &mut found)?;
        }
    }
    Declaration::check(&found.routes)?;
    Ok(found)
}

fn parse(section: &[u8], found: &mut Section) -> Result<(), String> {
    if section.len() > LONGEST {
        return Err(format!("its {SECTION} section is longer than {LONGEST} bytes"));
    }
    for line in section.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let fail = |reason: String| {
            format!("its {SECTION} section has the line `{}`: {reason}", String::from_utf8_lossy(line))
        };
        let Version { v, wraps } = serde_json::from_slice(line).map_err(|error| fail(error.to_string()))?;
        match v.cmp(&Record::VERSION) {
            Ordering::Less => return Err(fail(format!("it is of version {v}; {REBUILD}"))),
            Ordering::Equal => {}
            Ordering::Greater => {
                return Err(fail(format!("version {v} is not known to this server; update the server")));
            }
        }
        if let Some(name) = wraps {
            if let Some(other) = &found.wraps {
                return Err(format!(
                    "`{other}` and `{name}` both wrap all its routes; call one from the other"
                ));
            }
            found.wraps = Some(name.into());
            continue;
        }
        let line: Record = serde_json::from_slice(line).map_err(|error| fail(error.to_string()))?;
        let method = MethodFilter::parse(&line.method).map_err(|error| fail(error.to_string()))?;
        if let Some(slip) = method.slip() {
            return Err(fail(slip));
        }
        let pattern = Pattern::parse(&line.pattern).map_err(|error| fail(error.to_string()))?;
        let route = RoutePattern::new(method, pattern);
        found.routes.push(Declaration { name: line.name.into(), route, id: line.id });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use patchboard_pattern::WrapRecord;

    use super::*;

    #[track_caller]
    fn check(section: &str, expected: Result<&[&str], &str>) {
        let mut section_found = Section::default();
        let outcome = parse(section.as_bytes(), &mut section_found);
        match expected {
            Ok(expected) => {
                outcome.unwrap();
                let found: Vec<_> =
                    section_found.routes.iter().map(|c| format!("{} {}", c.name, c.route)).collect();
                assert_eq!(found, expected);
            }
            Err(part) => {
                let error = outcome.unwrap_err();
                assert!(error.contains(part), "{error}");
            }
        }
    }

    #[test]
    fn lines_are_routes() {
        check("", Ok(&[]));
        check(
            "{\"v\":2,\"method\":\"POST\",\"pattern\":\"/demo1/{name}\",\"name\":\"demo1\",\"id\":1}\n\
             {\"v\":2,\"method\":\"*\",\"pattern\":\"/\",\"name\":\"all\",\"id\":2}\n",
            Ok(&["demo1 POST /demo1/{name}", "all /"]),
        );
    }

    #[test]
    fn one_function_may_wrap_them() {
        let line = |name: &str| WrapRecord { v: Record::VERSION, wraps: name.to_owned() }.line();
        let mut found = Section::default();
        parse(line("all").as_bytes(), &mut found).unwrap();
        assert_eq!(found, Section { routes: Vec::new(), wraps: Some("all".into()) });
        check(&(line("all") + &line("other")), Err("`all` and `other` both wrap all its routes"));
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let [method, pattern, name] = ["PURGE", "/a\"b\\{x:[\\w\"]+}", "é.x"].map(str::to_owned);
        let record = Record { v: Record::VERSION, method, pattern, name, id: u64::MAX };
        assert_eq!(serde_json::from_str::<Record>(&record.line()).unwrap(), record);
    }

    #[test]
    fn what_is_wrong_is_named() {
        check("{", Err("the line `{`"));
        check("{\"v\":3}", Err("version 3 is not known to this server; update the server"));
        check("{\"v\":1,\"method\":\"GET\",\"pattern\":\"/\",\"name\":\"a\"}", Err("build it anew"));
        let line = |method: &str, pattern: &str| {
            format!("{{\"v\":2,\"method\":\"{method}\",\"pattern\":\"{pattern}\",\"name\":\"a\",\"id\":1}}")
        };
        check(&line("get", "/"), Err("`get` is not a method"));
        check(&line("GTE", "/"), Err("unknown method GTE; did you mean GET?"));
        check(&line("GET", "x"), Err("starts with `/`"));
    }
}
