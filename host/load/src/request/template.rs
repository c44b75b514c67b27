//! Text with parts that differ from request to request: `{{seq}}` and the like. Pure
//! but for the random numbers.
//!
//! Parsed once, before the run; a text without any such part is known to be fixed, so
//! that its request can be made once and sent as it is.

use std::io::Write as _;
use std::ops::RangeInclusive;
use std::time::SystemTime;

use bytes::Bytes;

/// What there is, for messages.
const KNOWN: &str = "{{seq}}, {{uuid}}, {{time}}, {{random:a,b,c}} and {{random:1..100}}";

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(Bytes),
    Seq,
    Uuid,
    Time,
    Word(Vec<String>),
    Number(RangeInclusive<u64>),
}

impl Template {
    /// Bytes that are sent as they are.
    pub(crate) fn fixed(bytes: impl Into<Bytes>) -> Self {
        Self { pieces: vec![Piece::Text(bytes.into())] }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                return Err(format!("{{{{ without }}}} in `{text}`; --no-templates sends it as it is"));
            };
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned().into()));
            }
            pieces.push(Piece::parse(name.trim())?);
            rest = after;
        }
        if !rest.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(rest.to_owned().into()));
        }
        Ok(Self { pieces })
    }

    /// The text, if it is always the same.
    pub(crate) fn as_fixed(&self) -> Option<&Bytes> {
        match self.pieces.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// One after the other.
    pub(crate) fn join(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        for piece in parts.into_iter().flat_map(|part| part.pieces) {
            match (pieces.last_mut(), piece) {
                (Some(Piece::Text(before)), Piece::Text(text)) => {
                    *before = [before.as_ref(), text.as_ref()].concat().into();
                }
                (_, piece) => pieces.push(piece),
            }
        }
        Self { pieces }
    }

    /// Appends what the request with this number has.
    pub(crate) fn render(&self, seq: u64, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            piece.render(seq, out);
        }
    }
}

impl Piece {
    fn parse(name: &str) -> Result<Self, String> {
        match name {
            "seq" => return Ok(Self::Seq),
            "uuid" => return Ok(Self::Uuid),
            "time" => return Ok(Self::Time),
            _ => {}
        }
        let Some(choices) = name.strip_prefix("random:") else {
            return Err(format!(
                "there is no {{{{{name}}}}}; there are {KNOWN}, and --no-templates sends it as it is"
            ));
        };
        if let Some((from, to)) = choices.split_once("..")
            && let (Ok(from), Ok(to)) = (from.parse(), to.parse())
        {
            if from > to {
                return Err(format!("{{{{{name}}}}} is empty; write the smaller number first"));
            }
            return Ok(Self::Number(from..=to));
        }
        Ok(Self::Word(choices.split(',').map(str::to_owned).collect()))
    }

    fn render(&self, seq: u64, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = match self {
            Self::Text(text) => out.write_all(text),
            Self::Seq => write!(out, "{seq}"),
            Self::Uuid => write!(out, "{}", uuid::Builder::from_random_bytes(random_bytes()).into_uuid()),
            Self::Time => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                write!(out, "{}", now.as_millis())
            }
            Self::Word(words) => match fastrand::choice(words) {
                Some(word) => out.write_all(word.as_bytes()),
                None => Ok(()),
            },
            Self::Number(range) => write!(out, "{}", fastrand::u64(range.clone())),
        };
    }
}

fn random_bytes() -> [u8; 16] {
    fastrand::u128(..).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str, seq: u64) -> String {
        let mut out = Vec::new();
        Template::parse(text).unwrap().render(seq, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn parts_are_filled_in() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("/items/{{seq}}", "/items/7"),
            ("{{ seq }}-{{seq}}.", "7-7."),
            ("{one} }} x", "{one} }} x"),
            ("{{random:a}}", "a"),
            ("{{random:5..5}}", "5"),
        ] {
            assert_eq!(rendered(text, 7), expected, "{text}");
        }
    }

    #[test]
    fn random_parts_are_what_they_say() {
        let (mut words, mut numbers) = ([0; 3], [0; 3]);
        for _ in 0..300 {
            let word = rendered("{{random:a,b,c}}", 0);
            words["abc".find(&word).unwrap()] += 1;
            let number: usize = rendered("{{random:1..3}}", 0).parse().unwrap();
            numbers[number - 1] += 1;
        }
        assert!(words.iter().chain(&numbers).all(|count| *count > 30), "{words:?} {numbers:?}");
        let uuid = rendered("{{uuid}}", 0);
        assert_eq!(uuid::Uuid::parse_str(&uuid).unwrap().get_version_num(), 4);
        assert_ne!(uuid, rendered("{{uuid}}", 0));
        assert!(rendered("{{time}}", 0).parse::<u64>().unwrap() > 1_700_000_000_000);
    }

    #[test]
    fn what_is_always_the_same_is_known() {
        assert_eq!(Template::parse("a").unwrap().as_fixed().unwrap(), "a");
        assert_eq!(Template::parse("").unwrap().as_fixed().unwrap(), "");
        assert!(Template::parse("{{seq}}").unwrap().as_fixed().is_none());
        let joined = Template::join([Template::fixed("a"), Template::fixed("b")]);
        assert_eq!(joined.as_fixed().unwrap(), "ab");
    }

    #[test]
    fn mistakes_name_what_there_is() {
        assert!(
            Template::parse("{{sequence}}")
                .unwrap_err()
                .contains("there is no {{sequence}}; there are {{seq}}")
        );
        assert!(Template::parse("{{seq}").unwrap_err().contains("--no-templates"));
        assert!(Template::parse("{{random:9..1}}").unwrap_err().contains("smaller number first"));
    }
}
