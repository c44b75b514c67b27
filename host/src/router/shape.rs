//! A shape: a segment with a typed or regex parameter, or with parameters among
//! literal text (`{a}-{b}.html`), and how it matches.
//!
//! As in aiohttp, each parameter takes as much as it can, the first before the
//! second. Matching is linear in the segment. Without types and regexes it is done
//! by hand, from the right; else by the `regex` crate, on at most 4,096 bytes.

use std::sync::OnceLock;

use memchr::memmem;
use patchboard_pattern::{Kind, ParamType, Part, escape, is_glob};
use regex::{Regex, RegexBuilder};

use super::Captures;
use super::expression::ascii;
use super::language::Language;

/// What a typed or regex parameter may look at, in bytes.
const LONGEST: usize = 4096;
/// What one compiled regex may take, in bytes.
const LARGEST: usize = 1 << 20;

/// A segment that has to be looked into.
#[derive(Debug)]
pub(super) struct Shape {
    parts: Vec<Part>,
    /// The parts without the names of the parameters.
    key: String,
    /// What it matches as a whole, but for what types ask beyond their grammar.
    regex: String,
    matcher: Matcher,
    language: OnceLock<Language>,
}

#[derive(Debug)]
enum Matcher {
    Type(ParamType),
    Regex(Regex),
    /// One literal before each parameter and one after the last.
    Glob(Vec<String>),
    /// The group of each parameter, and the type that remains to be checked.
    Groups(Regex, Vec<(usize, Option<ParamType>)>),
}

fn compile(regex: &str) -> Result<Regex, String> {
    RegexBuilder::new(&format!(r"\A(?:{regex})\z"))
        .size_limit(LARGEST)
        .dfa_size_limit(LARGEST)
        .build()
        .map_err(|error| format!("the regex `{regex}`: {error}"))
}

impl Shape {
    /// Fails if a regex does.
    pub(super) fn new(parts: Vec<Part>) -> Result<Self, String> {
        let regexes: Vec<_> = parts.iter().map(regex_of).collect::<Result<_, _>>()?;
        let matcher = match parts.as_slice() {
            [Part::Parameter(_, Kind::Type(kind))] => Matcher::Type(*kind),
            [part @ Part::Parameter(name, Kind::Regex(_))] => {
                let regex = compile(&regexes.concat())?;
                if regex.is_match("") {
                    return Err(format!(
                        "`{part}` matches the empty text, which a segment with a parameter never is; \
                         use `+` for `*`, or `{{*{name}}}` for the rest of the path"
                    ));
                }
                Matcher::Regex(regex)
            }
            parts if is_glob(parts) => Matcher::Glob(glob(parts)),
            parts => groups(parts, &regexes)?,
        };
        let (key, regex) = (parts.iter().map(key_of).collect(), joined(&parts, &regexes, "(?:"));
        Ok(Self { parts, key, regex, matcher, language: OnceLock::new() })
    }

    /// Equal for shapes that differ in the names of their parameters only.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.parts.iter().filter_map(Part::name)
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Where it is literal text and plain parameters: the text before each
    /// parameter, and after the last.
    pub(super) fn glob(&self) -> Option<&[String]> {
        match &self.matcher {
            Matcher::Glob(literals) => Some(literals),
            _ => None,
        }
    }

    /// All texts that it matches (but for what types ask beyond their grammar).
    pub(super) fn language(&self) -> &Language {
        self.language.get_or_init(|| Language::new(&self.regex))
    }

    /// Whether `text`, which is not empty, matches; adds what each parameter took.
    pub(super) fn matches<'p>(&self, text: &'p [u8], captures: &mut Captures<'p>) -> bool {
        match &self.matcher {
            Matcher::Type(kind) => {
                let found = text.len() <= LONGEST && kind.accepts(text);
                if found {
                    captures.push(text);
                }
                found
            }
            Matcher::Regex(regex) => {
                let found = utf8(text).is_some_and(|text| regex.is_match(text));
                if found {
                    captures.push(text);
                }
                found
            }
            Matcher::Glob(literals) => match_glob(literals, text, captures),
            Matcher::Groups(regex, groups) => {
                let Some(found) = utf8(text).and_then(|text| regex.captures(text)) else { return false };
                groups.iter().all(|(group, kind)| match found.get(*group) {
                    None => false,
                    Some(value) => {
                        let value = value.as_str().as_bytes();
                        captures.push(text.get(offset(text, value)).unwrap_or_default());
                        kind.is_none_or(|kind| kind.accepts(value))
                    }
                })
            }
        }
    }
}

fn utf8(text: &[u8]) -> Option<&str> {
    if text.len() > LONGEST { None } else { std::str::from_utf8(text).ok() }
}

/// Where `part` lies in `whole`, of which it is a slice.
fn offset(whole: &[u8], part: &[u8]) -> std::ops::Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start + part.len()
}

/// A part without the name of its parameter.
fn key_of(part: &Part) -> String {
    match part {
        Part::Literal(text) => escape(text),
        Part::Parameter(_, Kind::Plain) => "{}".to_owned(),
        Part::Parameter(_, Kind::Type(kind)) => format!("{{{}}}", kind.as_str()),
        Part::Parameter(_, Kind::Regex(regex)) => format!("{{:{regex}}}"),
    }
}

/// What a part matches.
fn regex_of(part: &Part) -> Result<String, String> {
    Ok(match part {
        Part::Literal(text) => regex::escape(text),
        Part::Parameter(_, Kind::Plain) => "(?s:.+)".to_owned(),
        Part::Parameter(_, Kind::Type(kind)) => kind.grammar().to_owned(),
        Part::Parameter(_, Kind::Regex(regex)) => ascii(regex)?,
    })
}

/// The regex of all parts, each parameter's in a group that begins with `open`.
fn joined(parts: &[Part], regexes: &[String], open: &str) -> String {
    let mut joined = String::new();
    for (part, regex) in parts.iter().zip(regexes) {
        match part {
            Part::Literal(_) => joined.push_str(regex),
            Part::Parameter(..) => joined.extend([open, regex, ")"]),
        }
    }
    joined
}

fn glob(parts: &[Part]) -> Vec<String> {
    let mut literals = vec![String::new()];
    for part in parts {
        match (part, literals.last_mut()) {
            (Part::Literal(text), Some(last)) => last.push_str(text),
            _ => literals.push(String::new()),
        }
    }
    literals
}

fn groups(parts: &[Part], regexes: &[String]) -> Result<Matcher, String> {
    let mut groups = Vec::new();
    let mut next = 1;
    for (part, regex) in parts.iter().zip(regexes) {
        if let Part::Parameter(_, kind) = part {
            let (inner, kind) = match kind {
                Kind::Plain => (1, None),
                Kind::Type(kind) => (1, Some(*kind)),
                // It may have groups of its own.
                Kind::Regex(_) => (compile(regex)?.captures_len(), None),
            };
            groups.push((next, kind));
            next += inner;
        }
    }
    Ok(Matcher::Groups(compile(&joined(parts, regexes, "("))?, groups))
}

/// The last literal that fits leaves the most to the parameters before it, so the
/// search goes from the right.
fn match_glob<'p>(literals: &[String], text: &'p [u8], captures: &mut Captures<'p>) -> bool {
    let [first, middle @ .., last] = literals else { return false };
    let Some(mut left) =
        text.strip_prefix(first.as_bytes()).and_then(|left| left.strip_suffix(last.as_bytes()))
    else {
        return false;
    };
    // Literals are UTF-8, so cuts lie between characters if the segment is, too.
    if std::str::from_utf8(text).is_err() {
        return false;
    }
    let start = captures.len();
    for literal in middle.iter().rev() {
        // One byte at least is for the parameter after it.
        let before = left.len().checked_sub(1).and_then(|end| left.get(..end)).unwrap_or_default();
        let cut = memmem::rfind(before, literal.as_bytes())
            .and_then(|at| Some((left.get(..at)?, left.get(at + literal.len()..)?)));
        let Some((rest, value)) = cut else { return false };
        captures.push(value);
        left = rest;
    }
    captures.push(left);
    if let Some(added) = captures.get_mut(start..) {
        added.reverse();
    }
    !left.is_empty()
}

#[cfg(test)]
mod tests {
    use patchboard_pattern::{Place, Segment};

    use super::*;

    #[track_caller]
    fn shape(text: &str) -> Shape {
        match Place::parse(text) {
            Ok(Place::Segment(Segment::Shape(parts))) => Shape::new(parts).unwrap(),
            other => panic!("{text} is no shape: {other:?}"),
        }
    }

    #[track_caller]
    fn check(shape: &str, text: &str, expected: Option<&[&str]>) {
        let mut captures = Captures::new();
        let shape = self::shape(shape);
        let found = shape.matches(text.as_bytes(), &mut captures);
        let values: Vec<_> = captures.iter().map(|value| std::str::from_utf8(value).unwrap()).collect();
        assert_eq!(found.then_some(values), expected.map(<[&str]>::to_vec), "{text}");
    }

    #[test]
    fn parameters_among_text_take_as_much_as_they_can_from_the_left() {
        check("{a}-{b}.html", "x-y-z.html", Some(&["x-y", "z"]));
        check("{a}-{b}.html", "x-.html", None);
        check("{a}-{b}.html", "-y.html", None);
        check("{a}-{b}.html", "x--.html", Some(&["x", "-"]));
        check("{a}-{b}", "---", Some(&["-", "-"]));
        check("v{n}", "v", None);
        check("v{n}", "v1", Some(&["1"]));
        check("{a}é{b}", "xéyéz", Some(&["xéy", "z"]));
        check("{a}.{b}.{c}", "1.2.3.4", Some(&["1.2", "3", "4"]));
        check("a{x}a", "a", None);
        check("a{x}a", "aa", None);
        check("a{x}a", "aaa", Some(&["a"]));
        check("{a}{b}", "xyz", Some(&["xy", "z"]));
    }

    #[test]
    fn types_and_regexes_among_text() {
        check("{id:int}-{slug}", "12-a-b", Some(&["12", "a-b"]));
        check("{id:int}-{slug}", "x-a", None);
        check("{id:int}.json", "99999999999999999999.json", None);
        check("{d:date}.{ext:(gz|zip)}", "2024-02-30.gz", None);
        check("{d:date}.{ext:(gz|zip)}", "2024-02-29.gz", Some(&["2024-02-29", "gz"]));
        check("{a:((x)|(y))+}{b:z?}", "xyz", Some(&["xy", "z"]));
        check("{a:x+}{b:z?}", "x", Some(&["x", ""]));
    }

    #[test]
    fn anchors_are_implied() {
        check(r"{year:\d{4}}", "2024", Some(&["2024"]));
        check(r"{year:\d{4}}", "20245", None);
        check(r"{year:\d{4}}", "a2024", None);
        check(r"{x:a|b}", "ab", None);
        check(r"{x:^a$}", "a", Some(&["a"]));
        check(r"{x:[^/]+}", "a", Some(&["a"]));
    }

    #[test]
    fn perl_classes_are_ascii() {
        check(r"{x:\d+}", "٣", None);
        check(r"{x:\w+}", "é", None);
        check(r"{x:[\w\p{L}]+}", "é_1", Some(&["é_1"]));
        check(r"{x:[^\d\s]+}", "é-", Some(&["é-"]));
        check(r"{x:[^\d\s]+}", "é 1", None);
        check(r"{x:\D\W\S}", "é٣é", Some(&["é٣é"]));
        check(r"{x:a\b-\bb}", "a-b", Some(&["a-b"]));
        check(r"{x:\\d\d{2}}", r"\d12", Some(&[r"\d12"]));
        check(
            r"{x:(?x) \d [\w&&[^a]] # text \d
            }",
            "1b",
            Some(&["1b"]),
        );
    }

    #[test]
    fn what_is_not_utf8_never_matches() {
        for shape in ["{a:.+}", "{a}-{b}", "{a:slug}", "{a:int}-{b}"] {
            assert!(!self::shape(shape).matches(b"1-\xff", &mut Captures::new()));
        }
    }

    #[test]
    fn long_texts_are_matched_in_linear_time() {
        let shape = shape("{a}-{b}-{c}-{d}-{e}.x");
        let text = "-".repeat(1 << 20);
        assert!(!shape.matches(text.as_bytes(), &mut Captures::new()));
    }
}
