//! One line of the `patchboard:routes` custom section.
//!
//! The section is UTF-8, one JSON object a line, each ended by a line feed:
//! `{"v":1,"method":"POST","pattern":"/demo1/{name}","name":"demo1"}`. The
//! linker puts the sections of all attributes end to end, in no fixed order, so
//! a line is complete in itself and carries the version of the format.

use crate::arguments::RouteArguments;

/// The line for a route called `name`.
pub(crate) fn line(route: &RouteArguments, name: &str) -> Vec<u8> {
    let mut line = String::from("{\"v\":1,\"method\":");
    push_json_string(&mut line, &route.method);
    line.push_str(",\"pattern\":");
    push_json_string(&mut line, &route.pattern);
    line.push_str(",\"name\":");
    push_json_string(&mut line, name);
    line.push_str("}\n");
    line.into_bytes()
}

/// RFC 8259, section 7: quotes, backslashes and control characters are escaped.
fn push_json_string(line: &mut String, text: &str) {
    line.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            c if c.is_control() => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => line.push(c),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_and_ends_in_a_line_feed() {
        let route =
            RouteArguments { method: "POST".to_owned(), pattern: "/a\"b\\/{name}".to_owned(), name: None };
        assert_eq!(
            String::from_utf8(line(&route, "demo1")).as_deref(),
            Ok("{\"v\":1,\"method\":\"POST\",\"pattern\":\"/a\\\"b\\\\/{name}\",\"name\":\"demo1\"}\n")
        );
    }
}
