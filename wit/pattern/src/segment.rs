//! One place of a pattern: a segment of its path, or a label of its host.
//!
//! ```text
//! place     = 1*( text | parameter )      text: `{{` and `}}` stand for a brace
//! parameter = "{" name [ ":" ( type | regex ) ] "}"
//! tail      = "{*" name "}"               a place of its own
//! name      = ( letter | "_" ) *( letter | digit | "_" )
//! ```
//!
//! Braces nest within a regex (`{year:\d{4}}`); one after a backslash counts for
//! nothing. A single lower-case word after the colon names a type.

use std::fmt;

use crate::{GrammarError, ParamType};

/// What stands at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// One segment, or one label.
    Segment(Segment),
    /// `{*name}`: all that is left.
    Tail(String),
}

/// One segment of a path, or one label of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// This text, unescaped.
    Literal(String),
    /// `{name}`: any text but none.
    Plain(String),
    /// A parameter with a type or regex, or parameters among other text.
    Shape(Vec<Part>),
}

/// A part of a shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// This text, unescaped.
    Literal(String),
    /// A parameter: its name, and what it may be.
    Parameter(String, Kind),
}

/// What a parameter may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Any text but none.
    Plain,
    /// Of this type.
    Type(ParamType),
    /// Matched as a whole by this regex, whose syntax has not been checked.
    Regex(String),
}

impl Place {
    /// Parses the text of one place.
    ///
    /// # Errors
    ///
    /// Names the part that is wrong.
    pub fn parse(text: &str) -> Result<Self, GrammarError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        for piece in Pieces::of(text) {
            match piece? {
                (_, Piece::Text(text)) => literal.push_str(text),
                (_, Piece::Brace(brace)) => literal.push(brace),
                (at, Piece::Parameter(inside)) => {
                    if let Some(name) = inside.strip_prefix('*') {
                        return tail(text, inside, name).map_err(|error| error.within(at));
                    }
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(parameter(inside).map_err(|error| error.within(at))?);
                }
            }
        }
        if parts.is_empty() {
            return Ok(Self::Segment(Segment::Literal(literal)));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self::Segment(match <[Part; 1]>::try_from(parts) {
            Ok([Part::Parameter(name, Kind::Plain)]) => Segment::Plain(name),
            Ok([part]) => Segment::Shape(vec![part]),
            Err(parts) => Segment::Shape(parts),
        }))
    }
}

impl Segment {
    /// The names of its parameters, in order.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        let (plain, parts) = match self {
            Self::Literal(_) => (None, &[][..]),
            Self::Plain(name) => (Some(name.as_str()), &[][..]),
            Self::Shape(parts) => (None, parts.as_slice()),
        };
        plain.into_iter().chain(parts.iter().filter_map(Part::name))
    }

    /// Each piece of its literal text.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        let (whole, parts) = match self {
            Self::Literal(text) => (Some(text.as_str()), &[][..]),
            Self::Plain(_) => (None, &[][..]),
            Self::Shape(parts) => (None, parts.as_slice()),
        };
        whole.into_iter().chain(parts.iter().filter_map(Part::literal))
    }
}

impl Part {
    /// The name, if it is a parameter.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter(name, _) => Some(name),
        }
    }

    /// The text, if it is literal.
    pub fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Parameter(..) => None,
        }
    }
}

/// As it can be written.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(segment) => segment.fmt(f),
            Self::Tail(name) => write!(f, "{{*{name}}}"),
        }
    }
}

/// As it can be written.
impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(&escape(text)),
            Self::Plain(name) => write!(f, "{{{name}}}"),
            Self::Shape(parts) => parts.iter().try_for_each(|part| part.fmt(f)),
        }
    }
}

/// As it can be written.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(&escape(text)),
            Self::Parameter(name, Kind::Plain) => write!(f, "{{{name}}}"),
            Self::Parameter(name, Kind::Type(kind)) => write!(f, "{{{name}:{}}}", kind.as_str()),
            Self::Parameter(name, Kind::Regex(regex)) => write!(f, "{{{name}:{regex}}}"),
        }
    }
}

/// Literal text as a pattern has it: with its braces doubled.
pub fn escape(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// Cuts `text` at each `separator` that is outside braces.
///
/// # Errors
///
/// If a brace is not closed, or closes nothing.
pub fn split(text: &str, separator: char) -> Result<Vec<&str>, GrammarError> {
    let mut places = Vec::new();
    let mut start = 0;
    for piece in Pieces::of(text) {
        let (at, Piece::Text(piece)) = piece? else { continue };
        for (offset, separator) in piece.match_indices(separator) {
            places.extend(text.get(start..at + offset));
            start = at + offset + separator.len();
        }
    }
    places.extend(text.get(start..));
    Ok(places)
}

/// A piece of a pattern as it is written.
enum Piece<'t> {
    /// Text without braces.
    Text(&'t str),
    /// A doubled brace.
    Brace(char),
    /// The inside of a parameter.
    Parameter(&'t str),
}

/// The pieces of a text, each with where it begins.
struct Pieces<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Pieces<'t> {
    fn of(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The piece that `rest` begins with, and its length; the offset of an error is of `rest`.
    fn piece(&self, rest: &'t str) -> Result<(Piece<'t>, usize), GrammarError> {
        let brace = match rest.chars().next() {
            Some(brace @ ('{' | '}')) => brace,
            _ => {
                let text = rest.split(['{', '}']).next().unwrap_or(rest);
                return Ok((Piece::Text(text), text.len()));
            }
        };
        if rest.get(1..).is_some_and(|after| after.starts_with(brace)) {
            return Ok((Piece::Brace(brace), 2));
        }
        if brace == '}' {
            let wrong = format!("the `}}` in `{}` closes nothing", self.text);
            return Err(GrammarError::new(0, wrong, "a literal brace is written `}}`"));
        }
        match closing(rest).and_then(|end| Some((rest.get(1..end)?, end + 1))) {
            Some((inside, length)) => Ok((Piece::Parameter(inside), length)),
            None => {
                let wrong = format!("the `{{` in `{}` is not closed", self.text);
                Err(GrammarError::new(0, wrong, "a literal brace is written `{{`"))
            }
        }
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Result<(usize, Piece<'t>), GrammarError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let piece = self.piece(rest).map_err(|error| error.within(start));
        Some(piece.map(|(piece, length)| {
            self.at = start + length;
            (start, piece)
        }))
    }
}

/// Where the parameter ends that `text` begins with.
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

fn tail(text: &str, inside: &str, name: &str) -> Result<Place, GrammarError> {
    check_name(name, inside)?;
    if text.len() != inside.len() + 2 {
        let wrong = format!("`{text}`: `{{*{name}}}` takes all that is left, and stands without other text");
        return Err(GrammarError::new(0, wrong, ""));
    }
    Ok(Place::Tail(name.to_owned()))
}

fn parameter(inside: &str) -> Result<Part, GrammarError> {
    let (name, kind) = match inside.split_once(':') {
        None => (inside, Kind::Plain),
        Some((name, kind)) => (name, parse_kind(name, kind)?),
    };
    check_name(name, inside)?;
    Ok(Part::Parameter(name.to_owned(), kind))
}

fn parse_kind(name: &str, kind: &str) -> Result<Kind, GrammarError> {
    let fail = |wrong: &str, remedy| Err(GrammarError::new(0, format!("`{{{name}:{kind}}}`{wrong}"), remedy));
    let is_word = kind.starts_with(|c: char| c.is_ascii_lowercase())
        && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    match (kind, ParamType::parse(kind)) {
        (_, Some(kind)) => Ok(Kind::Type(kind)),
        ("", None) => fail(" lacks its type or regex", format!("write `{{{name}}}` for any text")),
        // aiohttp's way to write a tail.
        (".*", None) => fail(
            ": a parameter is within one segment and never empty",
            format!("write `{{*{name}}}` for the rest of the path, or `{{{name}}}` for one segment"),
        ),
        _ if !is_word => Ok(Kind::Regex(kind.to_owned())),
        _ => {
            let remedy = match kind {
                "path" => format!("write `{{*{name}}}` for the rest of the path"),
                "str" | "string" => format!("write `{{{name}}}` for any text"),
                _ => format!(
                    "there are {}; if it is meant as a regex, write `{{{name}:(?:{kind})}}`",
                    ParamType::ALL.map(ParamType::as_str).join(", ")
                ),
            };
            fail(&format!(": there is no type `{kind}`"), remedy)
        }
    }
}

fn check_name(name: &str, inside: &str) -> Result<(), GrammarError> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    let wrong = match name {
        "" => format!("`{{{inside}}}`: a parameter needs a name"),
        _ => format!("`{{{inside}}}`: `{name}` is no name for a parameter"),
    };
    Err(GrammarError::new(0, wrong, "use letters, digits and `_`, and begin with a letter or `_`"))
}
