//! The grammar of path patterns, checked while the author compiles. Pure.
//!
//! ```text
//! pattern   = "/" [ segment *( "/" segment ) [ "/" ] ]
//! segment   = literal | "{" name "}"
//! tail      = "{*" name "}"            only as the last segment
//! name      = ( letter | "_" ) *( letter | digit | "_" )
//! ```
//!
//! Literals are written decoded, as the host matches them (`/café`, not
//! `/caf%C3%A9`). Typed and regex parameters of the host's configuration are not
//! open to attributes yet.

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
    if inside.contains(['{', '}']) {
        return Err(if balanced(inside) {
            format!("braces cannot be nested: `{segment}`")
        } else if balanced(segment) {
            format!("one parameter a segment: `{segment}` has several")
        } else {
            format!("unbalanced braces in `{segment}`")
        });
    }
    if let Some((name, _)) = inside.split_once(':') {
        return Err(format!(
            "typed and regex parameters are not supported in attributes yet: write `{{{name}}}` and check the value"
        ));
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
            ("/{id:int}", "not supported in attributes yet"),
            ("/{id:[0-9]+}", "not supported in attributes yet"),
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
