//! The record of a route in a component: a line of the `patchboard:routes` custom section.
//!
//! The section is UTF-8, one JSON object a line, each ended by a line feed:
//! `{"v":2,"method":"POST","pattern":"/demo1/{name}","name":"demo1","id":1}`. The linker puts
//! the sections of all attributes end to end, in no fixed order, so a line is complete in
//! itself and carries the version of the format.

/// The name of the section.
pub const SECTION: &str = "patchboard:routes";

/// What a component says of one of its routes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
pub struct Record {
    /// The version of the format: [`Record::VERSION`].
    pub v: u32,
    /// The method, `*` for every one.
    pub method: String,
    /// The pattern.
    pub pattern: String,
    /// The name of the route.
    pub name: String,
    /// What the component knows the route by: the host gives it back with each request. Any
    /// number that no other route of the component has.
    pub id: u64,
}

impl Record {
    /// The version of the format that this crate writes and reads.
    pub const VERSION: u32 = 2;

    /// Its line in the section. Written by hand, since a macro that took in a JSON library
    /// would have every handler wait for it.
    pub fn line(&self) -> String {
        let Self { method, pattern, name, id, .. } = self;
        Self::before_id(method, pattern, name) + &id.to_string() + Self::AFTER_ID
    }

    /// The line up to the id, for who knows that later.
    pub fn before_id(method: &str, pattern: &str, name: &str) -> String {
        let [method, pattern, name] = [method, pattern, name].map(json_string);
        let v = Self::VERSION;
        format!("{{\"v\":{v},\"method\":{method},\"pattern\":{pattern},\"name\":{name},\"id\":")
    }

    /// The line after it.
    pub const AFTER_ID: &str = "}\n";
}

/// What a component says of the function that wraps all its routes: a line of the same section.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
pub struct WrapRecord {
    /// The version of the format: [`Record::VERSION`].
    pub v: u32,
    /// The name of the function.
    pub wraps: String,
}

impl WrapRecord {
    /// Its line in the section.
    pub fn line(&self) -> String {
        format!("{{\"v\":{},\"wraps\":{}}}\n", Record::VERSION, json_string(&self.wraps))
    }
}

/// RFC 8259, section 7: quotes, backslashes and control characters are escaped.
fn json_string(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c.is_control() => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_and_ends_in_a_line_feed() {
        let [method, pattern, name] = ["POST", "/a\"b\\/{name}", "demo1"].map(str::to_owned);
        assert_eq!(
            Record { v: Record::VERSION, method, pattern, name, id: u64::MAX }.line(),
            "{\"v\":2,\"method\":\"POST\",\"pattern\":\"/a\\\"b\\\\/{name}\",\"name\":\"demo1\",\
             \"id\":18446744073709551615}\n"
        );
    }
}
