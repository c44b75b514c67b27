//! One place of a pattern, a segment of its path or a label of its host, parsed.
//!
//! ```text
//! place     = 1*( text | parameter )      text: `{{` and `}}` stand for a brace
//! parameter = "{" name [ ":" ( type | regex ) ] "}"
//! tail      = "{*" name "}"               a place of its own, the last
//! name      = ( letter | "_" ) *( letter | digit | "_" )
//! ```
//!
//! Braces nest within a regex (`{year:\d{4}}`); one after a backslash counts for
//! nothing. A single lower-case word after the colon names a type.

use std::sync::Arc;

use super::expression::Expression;
use super::param_type::ParamType;
use super::shape::{Kind, Part, Shape};

/// One place of a pattern.
#[derive(Debug, Clone)]
pub(super) enum Segment {
    /// This text.
    Literal(Box<str>),
    /// `{name}`: any text but none.
    Plain(Box<str>),
    /// Everything else that has parameters.
    Shape(Arc<Shape>),
}

/// What the text of one place can be.
#[derive(Debug)]
pub(super) enum Parsed {
    Segment(Segment),
    Tail(String),
}

impl Segment {
    /// The names of its parameters, in order.
    pub(super) fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        let (plain, shape) = match self {
            Self::Literal(_) => (None, None),
            Self::Plain(name) => (Some(&**name), None),
            Self::Shape(shape) => (None, Some(shape.names())),
        };
        plain.into_iter().chain(shape.into_iter().flatten())
    }

    /// Each piece of its literal text.
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        let (whole, shape) = match self {
            Self::Literal(text) => (Some(&**text), None),
            Self::Plain(_) => (None, None),
            Self::Shape(shape) => (None, Some(shape.literals())),
        };
        whole.into_iter().chain(shape.into_iter().flatten())
    }
}

/// Cuts `text` at each `separator` that is outside braces.
pub(super) fn split(text: &str, separator: u8) -> Result<Vec<&str>, String> {
    let mut places = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(&byte) = text.as_bytes().get(at) {
        at = match byte {
            b'{' | b'}' => brace(text, at)?.1,
            _ => at + 1,
        };
        if byte == separator {
            places.extend(text.get(start..at - 1));
            start = at;
        }
    }
    places.extend(text.get(start..));
    Ok(places)
}

/// What a brace at `at` begins, with where it ends: an escaped brace, or a
/// parameter (its inside).
fn brace(text: &str, at: usize) -> Result<(Option<&str>, usize), String> {
    let rest = text.get(at..).unwrap_or_default();
    if rest.starts_with("{{") || rest.starts_with("}}") {
        return Ok((None, at + 2));
    }
    if rest.starts_with('}') {
        return Err(format!("the `}}` in `{text}` closes nothing; a literal brace is written `}}}}`"));
    }
    let mut depth = 0_usize;
    let mut escaped = false;
    for (offset, byte) in rest.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' if depth == 1 => return Ok((rest.get(1..offset), at + offset + 1)),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    Err(format!("the `{{` in `{text}` is not closed; a literal brace is written `{{{{`"))
}

/// Parses the text of one place.
pub(super) fn parse(text: &str) -> Result<Parsed, String> {
    let mut parts: Vec<Part> = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        if !matches!(c, '{' | '}') {
            literal.push(c);
            at += c.len_utf8();
            continue;
        }
        let (inside, end) = brace(text, at)?;
        match inside {
            None => literal.push(c),
            Some(inside) => {
                if let Some(name) = inside.strip_prefix('*') {
                    return tail(text, inside, name);
                }
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(parameter(inside)?);
            }
        }
        at = end;
    }
    if parts.is_empty() {
        return Ok(Parsed::Segment(Segment::Literal(literal.into())));
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(Parsed::Segment(match <[Part; 1]>::try_from(parts) {
        Ok([Part::Parameter(name, Kind::Plain)]) => Segment::Plain(name.into()),
        Ok([part]) => Segment::Shape(Arc::new(Shape::new(vec![part])?)),
        Err(parts) => Segment::Shape(Arc::new(Shape::new(parts)?)),
    }))
}

fn tail(text: &str, inside: &str, name: &str) -> Result<Parsed, String> {
    check_name(name, inside)?;
    if text.len() != inside.len() + 2 {
        return Err(format!("`{text}`: a tail `{{*{name}}}` is a place of its own, without other text"));
    }
    Ok(Parsed::Tail(name.to_owned()))
}

fn parameter(inside: &str) -> Result<Part, String> {
    let (name, kind) = match inside.split_once(':') {
        None => (inside, Kind::Plain),
        Some((name, kind)) => (name, parse_kind(name, kind)?),
    };
    check_name(name, inside)?;
    Ok(Part::Parameter(name.to_owned(), kind))
}

fn parse_kind(name: &str, kind: &str) -> Result<Kind, String> {
    let is_word = kind.starts_with(|c: char| c.is_ascii_lowercase())
        && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_word {
        return match kind {
            "" => Err(format!("`{{{name}:}}` lacks its type or regex; write `{{{name}}}` for any text")),
            // aiohttp's way to write a tail.
            ".*" => Err(format!(
                "`{{{name}:.*}}`: a parameter is within one segment and never empty; write `{{*{name}}}` for the \
                 rest of the path, or `{{{name}}}` for one segment"
            )),
            _ => Ok(Kind::Regex(Expression::parse(kind)?)),
        };
    }
    ParamType::parse(kind).map(Kind::Type).ok_or_else(|| {
        let advice = match kind {
            "path" => format!("write `{{*{name}}}` for the rest of the path"),
            "str" | "string" => format!("write `{{{name}}}` for any text"),
            _ => format!(
                "there are {}; if it is meant as a regex, write `{{{name}:(?:{kind})}}`",
                ParamType::ALL.map(ParamType::as_str).join(", ")
            ),
        };
        format!("`{{{name}:{kind}}}`: there is no type `{kind}`; {advice}")
    })
}

fn check_name(name: &str, inside: &str) -> Result<(), String> {
    let mut characters = name.chars();
    let valid = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    match valid {
        true => Ok(()),
        false => Err(format!(
            "`{{{inside}}}`: a parameter's name is letters, digits and `_`, and starts with no digit"
        )),
    }
}

impl std::fmt::Display for Segment {
    /// As it can be written.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let literal = |text: &str| text.replace('{', "{{").replace('}', "}}");
        match self {
            Self::Literal(text) => f.write_str(&literal(text)),
            Self::Plain(name) => write!(f, "{{{name}}}"),
            Self::Shape(shape) => shape.parts().iter().try_for_each(|part| match part {
                Part::Literal(text) => f.write_str(&literal(text)),
                Part::Parameter(name, Kind::Plain) => write!(f, "{{{name}}}"),
                Part::Parameter(name, Kind::Type(kind)) => write!(f, "{{{name}:{}}}", kind.as_str()),
                Part::Parameter(name, Kind::Regex(regex)) => write!(f, "{{{name}:{}}}", regex.as_str()),
            }),
        }
    }
}
