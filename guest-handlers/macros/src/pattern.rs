//! The grammar of path patterns, checked while the author compiles. Pure.
//!
//! ```text
//! pattern   = "/" [ segment *( "/" segment ) [ "/" ] ]
//! segment   = 1*( text | parameter )     text: `{{` and `}}` stand for a brace
//! parameter = "{" name [ ":" ( type | regex ) ] "}"
//! tail      = "{*" name "}"              only as the last segment
//! name      = ( letter | "_" ) *( letter | digit | "_" )
//! ```
//!
//! Text is written decoded, as the host matches it (`/café`, not `/caf%C3%A9`). The
//! host checks regexes.

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
    let mut segments = split(path)?.into_iter().peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if segment.is_empty() && !is_last {
            return Err("a pattern has no empty segments (`//`)".to_owned());
        }
        if let [Piece::Text(text @ ("." | ".."))] = segment.as_slice() {
            return Err(format!("`{text}` never matches: the server refuses dot segments"));
        }
        for piece in &segment {
            match piece {
                Piece::Text(text) => check_text(text)?,
                Piece::Parameter(inside) => {
                    let name = check_parameter(inside)?;
                    if inside.starts_with('*') && (segment.len() > 1 || !is_last) {
                        return Err(format!(
                            "`{{*{name}}}` takes the rest of the path: it is a segment of its own, and the last"
                        ));
                    }
                    if names.contains(&name) {
                        return Err(format!("the parameter `{name}` occurs twice"));
                    }
                    names.push(name);
                }
            }
        }
    }
    Ok(())
}

/// A piece of a segment: text without escaped braces, or the inside of a parameter.
enum Piece<'a> {
    Text(&'a str),
    Parameter(&'a str),
}

/// The pieces of each segment.
fn split(path: &str) -> Result<Vec<Vec<Piece<'_>>>, String> {
    let mut segments = vec![];
    let mut segment = vec![];
    let mut rest = path;
    while let Some(at) = rest.find(['/', '{', '}']) {
        let (text, special) = rest.split_at(at);
        if !text.is_empty() {
            segment.push(Piece::Text(text));
        }
        rest = if let Some(after) = special.strip_prefix('/') {
            segments.push(std::mem::take(&mut segment));
            after
        } else if let Some(after) = special.strip_prefix("{{").or_else(|| special.strip_prefix("}}")) {
            // Literal, but it makes the segment no empty one.
            segment.push(Piece::Text(""));
            after
        } else if special.starts_with('}') {
            return Err(format!("the `}}` in `/{path}` closes nothing: a literal brace is written `}}}}`"));
        } else {
            let Some(end) = closing(special) else {
                return Err(format!(
                    "the `{{` in `/{path}` is not closed: a literal brace is written `{{{{`"
                ));
            };
            segment.push(Piece::Parameter(&special[1..end]));
            &special[end + 1..]
        };
    }
    if !rest.is_empty() {
        segment.push(Piece::Text(rest));
    }
    segments.push(segment);
    Ok(segments)
}

/// Where the parameter ends that `text` begins with. Braces nest in a regex, and one
/// after a backslash counts for nothing.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut escaped = false;
    text.bytes().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// Gives the name.
fn check_parameter(inside: &str) -> Result<&str, String> {
    if let Some(name) = inside.strip_prefix('*') {
        return check_name(name).map(|()| name);
    }
    let (name, spec) = inside.split_once(':').map_or((inside, None), |(name, spec)| (name, Some(spec)));
    check_name(name)?;
    spec.map_or(Ok(()), |spec| check_spec(name, spec))?;
    Ok(name)
}

fn check_text(text: &str) -> Result<(), String> {
    if text.contains(['?', '#']) {
        return Err(format!("a pattern has no query or fragment: `{text}`"));
    }
    if text.contains('%') {
        return Err(format!("write `{text}` decoded: paths are matched after percent-decoding"));
    }
    Ok(())
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
            "/{a}-{b}",
            "/{a}{b}",
            "/{year:\\d{4}}-{title}.html",
            "/x{a}",
            "/{a:\\{+}/{{b}}/{{{c}}}",
            "/{a:[^/]+/x}",
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
            ("/{name", "is not closed"),
            ("/name}", "closes nothing"),
            ("/}name{", "closes nothing"),
            ("/{a{b}", "is not closed"),
            ("/{a{b}}", "`a{b}` is no name"),
            ("/x{*a}", "a segment of its own"),
            ("/{}", "needs a name"),
            ("/{*}", "needs a name"),
            ("/{1a}", "`1a` is no name"),
            ("/{na-me}", "`na-me` is no name"),
            ("/{ä}", "`ä` is no name"),
            ("/{a}/{a}", "`a` occurs twice"),
            ("/{a}/{*a}", "`a` occurs twice"),
            ("/{*rest}/x", "and the last"),
            ("/{*rest}/", "and the last"),
            ("/{id:integer}", "`integer` is no type"),
            ("/{id:}", "lacks a type"),
            ("/{1d:int}", "`1d` is no name"),
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
