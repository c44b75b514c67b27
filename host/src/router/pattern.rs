//! Patterns: the paths of routes, parsed and compiled once. [`patchboard_pattern`] has
//! their grammar.

use std::sync::Arc;

use patchboard_pattern as grammar;

use super::segment::Segment;

/// A parsed pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: Arc<str>,
    pub(super) segments: Vec<Segment>,
    pub(super) tail: Option<String>,
    names: Box<[String]>,
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("route `{source_text}`: {reason}")]
pub struct PatternError {
    pub(super) source_text: String,
    pub(super) reason: String,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Parses `source`.
    ///
    /// # Errors
    ///
    /// Names the pattern and the part of it that is wrong.
    pub fn parse(source: &str) -> Result<Self, PatternError> {
        Self::read(source).map_err(|reason| PatternError { source_text: shorten(source), reason })
    }

    fn read(source: &str) -> Result<Self, String> {
        let pattern = grammar::Pattern::parse(source).map_err(|error| error.to_string())?;
        let names = pattern.names().map(str::to_owned).collect();
        let segments = pattern.segments.into_iter().map(Segment::new).collect::<Result<_, _>>()?;
        Ok(Self { source: source.into(), segments, tail: pattern.tail, names })
    }

    /// `/`.
    pub(super) fn root() -> Self {
        Self {
            source: "/".into(),
            segments: vec![Segment::Literal("".into())],
            tail: None,
            names: Box::default(),
        }
    }

    /// A pattern of literal segments below `prefix` that ends in a tail.
    pub(crate) fn below(prefix: &str) -> Self {
        let literal = |segment: &str| Segment::Literal(segment.into());
        Self {
            source: format!("{}/{{*path}}", grammar::escape(prefix)).into(),
            segments: prefix.split('/').skip(1).map(literal).collect(),
            tail: Some("path".to_owned()),
            names: ["path".to_owned()].into(),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Likewise, to keep.
    pub fn shared(&self) -> Arc<str> {
        self.source.clone()
    }

    /// The names of the parameters, in order, the tail last.
    pub fn parameter_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The text it stands for, decoded, where it has no parameters.
    pub fn literal(&self) -> Option<String> {
        let mut path = String::new();
        for segment in &self.segments {
            let Segment::Literal(text) = segment else { return None };
            path.extend(["/", text]);
        }
        self.tail.is_none().then_some(path)
    }
}

/// At most 80 characters of `text`, for messages.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(80) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_named_in_order() {
        let pattern = Pattern::parse("/a/{b}/c-{d:int}-{e}/{f:[^/]{2}}/{*g}").unwrap();
        assert_eq!(pattern.parameter_names().collect::<Vec<_>>(), ["b", "d", "e", "f", "g"]);
    }

    #[test]
    fn braces_nest_in_a_regex_and_double_outside() {
        for (source, names) in [
            (r"/{y:\d{4}}-{m:\d{2}}", &["y", "m"][..]),
            (r"/{a:\{+}", &["a"]),
            (r"/{a:x{1,2}y{3}}", &["a"]),
            ("/{{a}}", &[]),
            ("/{{{a}}}", &["a"]),
            ("/{a:[^/]+/x}", &["a"]),
        ] {
            let pattern = Pattern::parse(source).unwrap();
            assert_eq!(pattern.parameter_names().collect::<Vec<_>>(), names, "{source}");
        }
        assert_eq!(Pattern::parse("/{{a}}/é").unwrap().literal().as_deref(), Some("/{a}/é"));
    }

    #[test]
    fn refusals_name_the_part() {
        for (source, part) in [
            ("", "starts with `/`"),
            ("a", "starts with `/`"),
            ("/{a", "not closed"),
            ("/a}", "closes nothing"),
            ("/{a:x{2}", "not closed"),
            ("/{}", "letters, digits"),
            ("/{1a}", "letters, digits"),
            ("/{a-b}", "letters, digits"),
            ("/{ä}", "letters, digits"),
            ("/{a:}", "lacks its type"),
            ("/{a:integer}", "no type `integer`"),
            ("/{a:path}", "`{*a}`"),
            ("/{a:str}", "write `{a}`"),
            ("/{a:.*}", "`{*a}`"),
            (r"/{a:\d*}", "empty text"),
            ("/{a:(}", "the regex `(`"),
            ("/{a:x)|(y}", "the regex"),
            ("/{a:(?=x)}", "look"),
            (r"/{a:(x)\1}", "backreference"),
            (r"/{a:(?:\pL{900}){900}}", "size limit"),
            ("/{*a}/b", "last segment"),
            ("/{*a}/", "last segment"),
            ("/x{*a}", "without other text"),
            ("/{*a}{*b}", "without other text"),
            ("/{*}", "letters, digits"),
            ("/{a}/{a}", "occurs twice"),
            ("/{a}-{a}", "occurs twice"),
            ("/{a}/{*a}", "occurs twice"),
            ("/a//b", "empty segments"),
            ("//a", "empty segments"),
            ("/a/../b", "never matches"),
            ("/a?b", "no query"),
            ("/caf%C3%A9", "decoded"),
            ("/a\n", "control character"),
        ] {
            let error = Pattern::parse(source).unwrap_err().to_string();
            assert!(error.contains(part), "{source}: {error}");
        }
        assert!(Pattern::parse(&"/a".repeat(61)).unwrap_err().to_string().contains("at most 60"));
        assert!(Pattern::parse(&format!("/{}", "a".repeat(3000))).unwrap_err().to_string().len() < 300);
        assert!(Pattern::parse("/100%").is_ok());
    }
}
