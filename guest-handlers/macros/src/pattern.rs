//! The grammar of path patterns, checked while the author compiles. Pure.
//!
//! ```text
//! pattern   = "/" [ segment *( "/" segment ) [ "/" ] ]
//! segment   = literal | "{" name "}" | "{" name ":" type "}" | "{" name ":" regex "}"
//! tail      = "{*" name "}"            only as the last segment
//! name      = ( letter | "_" ) *( letter | digit | "_" )
//! ```
//!
//! Literals are written decoded, as the host matches them (`/café`, not
//! `/caf%C3%A9`). The host checks types and regexes; several parameters in a segment
//! are for its configuration only.

/// The types of parameters that the host knows.
const TYPES: [&str; 10] = ["bool", "uuid", "date", "uint", "int", "float", "hex", "alpha", "alnum", "slug"];

/// Says what is wrong with `pattern`, if anything is.
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    let Some(path) = pattern.strip_prefix('/') else {
        return Err(format!("a pattern begins with `/`: write `/{pattern}`"));
    };
    if let Some(c) = pattern.chars().find(|c| c.is_control()) {
        return Err(format!("a pattern cannot hold the control character {c:?}"));
    }

    let mut names = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if segment.is_empty() && !is_last {
            return Err("a pattern has no empty segments (`//`)".to_owned());
        }
        match parse_segment(segment)? {
            Segment::Literal => {}
            Segment::Tail(name) if !is_last => {
                return Err(format!("`{{*{name}}}` takes the rest of the path: it can only come last"));
            }
            Segment::Parameter(name) | Segment::Tail(name) => {
                if names.contains(&name) {
                    return Err(format!("the parameter `{name}` occurs twice"));
                }
                names.push(name);
            }
        }
    }
    Ok(())
}

enum Segment<'a> {
    Literal,
    Parameter(&'a str),
    Tail(&'a str),
}

fn parse_segment(segment: &str) -> Result<Segment<'_>, String> {
    if !segment.contains(['{', '}']) {
        check_literal(segment)?;
        return Ok(Segment::Literal);
    }
    let Some(inside) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return Err(if balanced(segment) {
            format!("a parameter is a whole segment: `{segment}` mixes it with other text")
        } else {
            format!("unbalanced braces in `{segment}`")
        });
    };
    if let Some((name, spec)) = inside.split_once(':')
        && !name.contains(['{', '}'])
        && balanced(spec)
    {
        check_name(name)?;
        check_spec(name, spec)?;
        return Ok(Segment::Parameter(name));
    }
    if inside.contains(['{', '}']) {
        return Err(if balanced(inside) {
            format!("braces cannot be nested: `{segment}`")
        } else if balanced(segment) {
            format!("one parameter a segment: `{segment}` has several")
        } else {
            format!("unbalanced braces in `{segment}`")
        });
    }
    let (name, segment) = match inside.strip_prefix('*') {
        Some(name) => (name, Segment::Tail(name)),
        None => (inside, Segment::Parameter(inside)),
    };
    check_name(name)?;
    Ok(segment)
}

fn check_literal(literal: &str) -> Result<(), String> {
    match literal {
        "." | ".." => Err(format!("`{literal}` never matches: the server resolves dot segments first")),
        _ if literal.contains(['?', '#']) => Err(format!("a pattern has no query or fragment: `{literal}`")),
        _ if literal.contains('%') => {
            Err(format!("write `{literal}` decoded: paths are matched after percent-decoding"))
        }
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let mut chars = name.chars();
    let valid = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    match name {
        "" => Err("a parameter needs a name: `{name}`".to_owned()),
        _ if !valid => Err(format!(
            "`{name}` is no name for a parameter: use letters, digits and `_`, and begin with a letter or `_`"
        )),
        _ => Ok(()),
    }
}

/// A type by its name, or else a regex, which the host compiles.
fn check_spec(name: &str, spec: &str) -> Result<(), String> {
    match spec {
        "" => Err(format!("`{{{name}:}}` lacks a type or a regex: write `{{{name}}}`")),
        _ if spec.chars().all(|c| c.is_ascii_lowercase()) && !TYPES.contains(&spec) => {
            Err(format!("`{spec}` is no type of parameter: there are {}", TYPES.join(", ")))
        }
        _ => Ok(()),
    }
}

fn balanced(text: &str) -> bool {
    let mut depth = 0_i32;
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_patterns() {
        for pattern in [
            "/",
            "/demo1",
            "/demo1/",
            "/demo1/{name}",
            "/{a}/x/{b_2}",
            "/files/{*rest}",
            "/{*_all}",
            "/café/{x}",
            "/{id:int}",
            "/{id:[0-9]+}",
            "/{year:\\d{4}}/{slug:slug}",
            "/a.b-c~d/e f",
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn invalid_patterns() {
        for (pattern, reason) in [
            ("", "begins with `/`"),
            ("demo1", "write `/demo1`"),
            ("/a//b", "empty segments"),
            ("/{name", "unbalanced braces in `{name`"),
            ("/name}", "unbalanced braces in `name}`"),
            ("/}name{", "unbalanced braces"),
            ("/{{name}}", "nested"),
            ("/{a}{b}", "several"),
            ("/{a}-{b}", "several"),
            ("/x{a}", "whole segment"),
            ("/{a}.json", "whole segment"),
            ("/{}", "needs a name"),
            ("/{*}", "needs a name"),
            ("/{1a}", "`1a` is no name"),
            ("/{na-me}", "`na-me` is no name"),
            ("/{ä}", "`ä` is no name"),
            ("/{a}/{a}", "`a` occurs twice"),
            ("/{a}/{*a}", "`a` occurs twice"),
            ("/{*rest}/x", "only come last"),
            ("/{*rest}/", "only come last"),
            ("/{id:integer}", "`integer` is no type"),
            ("/{id:}", "lacks a type"),
            ("/{1d:int}", "`1d` is no name"),
            ("/{a:int}{b}", "several"),
            ("/a?b", "no query"),
            ("/a/../b", "never matches"),
            ("/caf%C3%A9", "decoded"),
            ("/a\n", "control character"),
        ] {
            let error = check(pattern).expect_err(pattern);
            assert!(error.contains(reason), "{pattern}: {error}");
        }
    }
}
