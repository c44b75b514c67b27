//! The pattern of a path: `/` and segments with `/` between them, at the end perhaps a
//! tail, which takes everything that is left, also nothing, but needs its slash.
//!
//! ```text
//! pattern = "/" [ place *( "/" place ) [ "/" ] ]     a tail only as the last place
//! ```
//!
//! Literal text is written decoded, as it is matched (`/café`, not `/caf%C3%A9`).

use std::fmt;

use crate::{GrammarError, Place, Segment, split};

/// The most segments of a pattern; bounds the depth of the host's tree.
const MOST_SEGMENTS: usize = 60;
/// The most bytes of one.
const LONGEST: usize = 2048;

/// A parsed pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    /// The segments, in order; that of `/` is one empty literal.
    pub segments: Vec<Segment>,
    /// The name of the tail.
    pub tail: Option<String>,
}

impl Pattern {
    /// Parses `source`.
    ///
    /// # Errors
    ///
    /// Names the part that is wrong; what no path could match is wrong, too.
    pub fn parse(source: &str) -> Result<Self, GrammarError> {
        if !source.starts_with('/') {
            let remedy = format!("write `/{}`", shorten(source));
            return Err(GrammarError::new(0, "a pattern starts with `/`", remedy));
        }
        if source.len() > LONGEST {
            return Err(GrammarError::new(0, format!("a pattern has at most {LONGEST} bytes"), ""));
        }
        if let Some((at, c)) = source.char_indices().find(|(_, c)| c.is_control()) {
            return Err(GrammarError::new(
                at,
                format!("a pattern cannot hold the control character {c:?}"),
                "",
            ));
        }
        let places = split(source, '/')?;
        if places.len() - 1 > MOST_SEGMENTS {
            return Err(GrammarError::new(0, format!("a pattern has at most {MOST_SEGMENTS} segments"), ""));
        }
        let mut pattern = Self::default();
        let mut at = 1;
        for (index, text) in places.iter().enumerate().skip(1) {
            let is_last = index + 1 == places.len();
            pattern.add(text, is_last).map_err(|error| error.within(at))?;
            at += text.len() + 1;
        }
        Ok(pattern)
    }

    /// The names of the parameters, in order, the tail last.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flat_map(Segment::names).chain(self.tail.as_deref())
    }

    fn add(&mut self, text: &str, is_last: bool) -> Result<(), GrammarError> {
        match Place::parse(text)? {
            Place::Tail(name) if is_last => self.tail = Some(name),
            Place::Tail(name) => {
                let wrong =
                    format!("`{{*{name}}}` takes the rest of the path, so it must be the last segment");
                return Err(GrammarError::new(0, wrong, ""));
            }
            Place::Segment(segment) => {
                check_literals(&segment, is_last)?;
                self.segments.push(segment);
            }
        }
        check_names(self.names())
    }
}

/// As it can be written.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments.iter().try_for_each(|segment| write!(f, "/{segment}"))?;
        self.tail.iter().try_for_each(|name| write!(f, "/{{*{name}}}"))
    }
}

/// Refuses a name that occurs twice.
///
/// # Errors
///
/// Says which.
pub fn check_names<'n>(names: impl Iterator<Item = &'n str>) -> Result<(), GrammarError> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    match names.array_windows().find(|[a, b]| a == b) {
        Some([name, _]) => Err(GrammarError::new(0, format!("the parameter `{name}` occurs twice"), "")),
        None => Ok(()),
    }
}

/// Refuses literal text that no path could match.
fn check_literals(segment: &Segment, is_last: bool) -> Result<(), GrammarError> {
    let fail = |wrong: String, remedy| Err(GrammarError::new(0, wrong, remedy));
    match segment {
        Segment::Literal(text) if text.is_empty() && !is_last => {
            return fail("a pattern has no empty segments (`//`)".to_owned(), "");
        }
        Segment::Literal(text) if matches!(text.as_str(), "." | "..") => {
            return fail(format!("a `{text}` segment never matches: such requests are refused"), "");
        }
        _ => {}
    }
    for text in segment.literals() {
        if text.contains(['?', '#']) {
            return fail(format!("a pattern has no query or fragment: `{text}`"), "");
        }
        let is_encoded = |(at, _)| {
            let digits = text.as_bytes().get(at + 1..at + 3);
            digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        };
        if text.match_indices('%').any(is_encoded) {
            return fail(
                format!("`{text}` never matches: paths are matched after percent-decoding"),
                "write it decoded",
            );
        }
    }
    Ok(())
}

/// At most 80 characters of `text`, for messages.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(80) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Part};

    /// What is in a pattern: types and regexes after a colon, text in quotes.
    fn describe(pattern: &Pattern) -> String {
        let part = |part: &Part| match part {
            Part::Literal(text) => format!("{text:?}"),
            Part::Parameter(name, Kind::Plain) => name.clone(),
            Part::Parameter(name, Kind::Type(kind)) => format!("{name}:{kind:?}"),
            Part::Parameter(name, Kind::Regex(regex)) => format!("{name}:/{regex}/"),
        };
        let segment = |segment: &Segment| match segment {
            Segment::Literal(text) => format!("{text:?}"),
            Segment::Plain(name) => name.clone(),
            Segment::Shape(parts) => parts.iter().map(part).collect::<Vec<_>>().join("+"),
        };
        let tail = pattern.tail.iter().map(|name| format!("*{name}"));
        pattern.segments.iter().map(segment).chain(tail).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_patterns_mean() {
        for (source, expected) in [
            ("/", r#""""#),
            ("/demo1", r#""demo1""#),
            ("/demo1/", r#""demo1" """#),
            ("/a.b-c~d/e f", r#""a.b-c~d" "e f""#),
            ("/café/{x}", r#""café" x"#),
            ("/100%", r#""100%""#),
            ("/...", r#""...""#),
            ("/{a}/x/{b_2}", r#"a "x" b_2"#),
            ("/{_}", "_"),
            ("/files/{*rest}", r#""files" *rest"#),
            ("/{*_all}", "*_all"),
            ("/{id:int}", "id:Int"),
            ("/{id:Int}", "id:/Int/"),
            ("/{id:[0-9]+}", "id:/[0-9]+/"),
            ("/{id: int}", "id:/ int/"),
            ("/{a::}", "a:/:/"),
            (r"/{year:\d{4}}/{slug:slug}", r"year:/\d{4}/ slug:Slug"),
            (r"/{y:\d{4}}-{m:\d{2}}", r#"y:/\d{4}/+"-"+m:/\d{2}/"#),
            ("/{a:x{1,2}y{3}}", "a:/x{1,2}y{3}/"),
            ("/{a}-{b}", r#"a+"-"+b"#),
            ("/{a}{b:hex}", "a+b:Hex"),
            ("/x{a}", r#""x"+a"#),
            ("/{a:[^/]+/x}/b", r#"a:/[^/]+/x/ "b""#),
            ("/{{a}}", r#""{a}""#),
            ("/{{{a}}}", r#""{"+a+"}""#),
            (r"/{a:\{+}/{{b}}", r#"a:/\{+/ "{b}""#),
            ("/a/{b}/c-{d:int}-{e}/{f:[^/]{2}}/{*g}", r#""a" b "c-"+d:Int+"-"+e f:/[^/]{2}/ *g"#),
        ] {
            let pattern = Pattern::parse(source).unwrap();
            assert_eq!(describe(&pattern), expected, "{source}");
            assert_eq!(pattern.to_string(), source);
        }
        let pattern = Pattern::parse("/a/{b}/c-{d:int}-{e}/{f:[^/]{2}}/{*g}").unwrap();
        assert_eq!(pattern.names().collect::<Vec<_>>(), ["b", "d", "e", "f", "g"]);
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (source, at, part) in [
            ("", 0, "starts with `/`"),
            ("demo1", 0, "write `/demo1`"),
            ("/{a", 1, "not closed"),
            ("/b/{a:x{2}", 3, "not closed"),
            ("/{a{b}", 1, "not closed"),
            ("/a}", 2, "closes nothing"),
            ("/}a{", 1, "closes nothing"),
            ("/é/{a{b}}", 4, "`a{b}` is no name"),
            ("/{}", 1, "needs a name"),
            ("/x/{*}", 3, "needs a name"),
            ("/{:int}", 1, "needs a name"),
            ("/{1a}", 1, "`1a` is no name"),
            ("/{1d:int}", 1, "`1d` is no name"),
            ("/x-{na-me}", 3, "letters, digits"),
            ("/{ä}", 1, "`ä` is no name"),
            ("/{*a:int}", 1, "`a:int` is no name"),
            ("/{a:}", 1, "lacks its type"),
            ("/{id:integer}", 1, "no type `integer`; there are bool, uuid"),
            ("/{id:int2}", 1, "write `{id:(?:int2)}`"),
            ("/x/{a:path}", 3, "write `{*a}`"),
            ("/{a:str}", 1, "write `{a}`"),
            ("/{a:.*}", 1, "`{*a}`"),
            ("/{*rest}/x", 1, "the last segment"),
            ("/{*rest}/", 1, "the last segment"),
            ("/x{*a}", 2, "without other text"),
            ("/{*a}{*b}", 1, "without other text"),
            ("/{a}/{a}", 5, "`a` occurs twice"),
            ("/{a}-{a}", 1, "`a` occurs twice"),
            ("/{a}/x/{*a}", 7, "`a` occurs twice"),
            ("/a//b", 3, "empty segments"),
            ("//a", 1, "empty segments"),
            ("/a/../b", 3, "never matches"),
            ("/.", 1, "never matches"),
            ("/a?b", 1, "no query"),
            ("/{x}#b", 1, "no query"),
            ("/x/caf%C3%A9", 3, "write it decoded"),
            ("/a\n", 2, "control character"),
        ] {
            let error = Pattern::parse(source).expect_err(source);
            assert!(error.to_string().contains(part), "{source}: {error}");
            assert_eq!(error.at, at, "{source}: {error}");
        }
        assert!(Pattern::parse(&"/a".repeat(60)).is_ok());
        assert!(Pattern::parse(&"/a".repeat(61)).unwrap_err().wrong.contains("at most 60"));
        assert!(
            Pattern::parse(&format!("/{}", "a".repeat(2048))).unwrap_err().wrong.contains("at most 2048")
        );
        assert!(Pattern::parse(&"a".repeat(3000)).unwrap_err().to_string().len() < 200);
    }

    /// Each text of the grammar's characters up to a length: what it means is what it
    /// means when it is written again, and an error lies in it.
    #[test]
    fn short_patterns_are_written_and_read_again() {
        const CHARACTERS: [char; 8] = ['/', '{', '}', 'a', ':', '*', '\\', 'é'];
        let mut right = 0;
        let mut texts = vec!["/".to_owned()];
        for _ in 0..6 {
            let longer = texts.iter().flat_map(|text| CHARACTERS.map(|c| format!("{text}{c}")));
            texts = longer.collect();
            for source in &texts {
                match Pattern::parse(source) {
                    Ok(pattern) => {
                        right += 1;
                        assert_eq!(Pattern::parse(&pattern.to_string()).as_ref(), Ok(&pattern), "{source}");
                    }
                    Err(error) => assert!(source.is_char_boundary(error.at), "{source}: {error}"),
                }
            }
        }
        assert!(right > 10_000, "{right}");
    }
}
