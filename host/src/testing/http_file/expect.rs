//! What is expected of a message: of its status, a field, the body, or a place in JSON.

use regex::Regex;
use serde_json::Value;

use super::json_path::JsonPath;
use super::text::Text;

/// Something that is expected.
#[derive(Debug, Clone)]
pub(in crate::testing) struct Expect {
    pub(in crate::testing) line: usize,
    /// As it is written.
    pub(in crate::testing) written: String,
    pub(in crate::testing) subject: Subject,
    pub(in crate::testing) check: Check,
}

/// What `@expect` says.
pub(in crate::testing) enum Want {
    Check(Subject, Check),
    Snapshot,
}

/// Of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::testing) enum Subject {
    Status,
    Field(String),
    Body,
    Json(JsonPath),
}

/// What.
#[derive(Debug, Clone)]
pub(in crate::testing) enum Check {
    /// `201`, or `2xx`.
    Status(String),
    Equals(Text),
    Contains(Text),
    Lacks(Text),
    Matches(Regex),
    Length(usize),
    Present,
    Absent,
}

const SUBJECTS: &str =
    "write `status 201`, `field NAME = TEXT`, `body contains TEXT`, `json $.PATH = JSON` or `snapshot`";
const CHECKS: &str = "write `= VALUE`, `contains VALUE`, `lacks VALUE`, `matches REGEX`, `length NUMBER`, `present` or `absent`";

impl Want {
    /// Reads what is written after `@expect`.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to write.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (word, rest) = word(text);
        match word {
            "status" => {
                let status = rest.trim_start_matches('=').trim();
                match status.as_bytes() {
                    [b'1'..=b'5', tail @ ..]
                        if tail == b"xx" || tail.len() == 2 && tail.iter().all(u8::is_ascii_digit) =>
                    {
                        Ok(Self::Check(Subject::Status, Check::Status(status.to_owned())))
                    }
                    _ => Err(format!("`{status}` is no status; write one such as 201, or 2xx")),
                }
            }
            "field" => {
                let (name, rest) = self::word(rest);
                let name: http::HeaderName = name
                    .parse()
                    .map_err(|_| format!("`{name}` is no field's name; write `field NAME = TEXT`"))?;
                Ok(Self::Check(Subject::Field(name.to_string()), check(rest, text_value)?))
            }
            "body" => Ok(Self::Check(Subject::Body, check(rest, text_value)?)),
            "json" => {
                let (path, rest) = JsonPath::parse(rest)?;
                Ok(Self::Check(Subject::Json(path), check(rest, json_value)?))
            }
            "snapshot" if rest.is_empty() => Ok(Self::Snapshot),
            _ => Err(format!("`{text}` is nothing that can be expected; {SUBJECTS}")),
        }
    }
}

fn check(text: &str, value: fn(&str) -> Result<Text, String>) -> Result<Check, String> {
    let (word, rest) = word(text);
    match word {
        "=" | "==" => Ok(Check::Equals(value(rest)?)),
        "contains" => Ok(Check::Contains(value(rest)?)),
        "lacks" => Ok(Check::Lacks(value(rest)?)),
        "matches" => Regex::new(rest)
            .map(Check::Matches)
            .map_err(|error| format!("`{rest}` is no regular expression: {}", one_line(&error.to_string()))),
        "length" => rest
            .parse()
            .map(Check::Length)
            .map_err(|_| format!("`{rest}` is no length; write a number such as 2")),
        "present" if rest.is_empty() => Ok(Check::Present),
        "absent" if rest.is_empty() => Ok(Check::Absent),
        _ => Err(format!("`{text}` says nothing that can be checked; {CHECKS}")),
    }
}

/// What is written to the end of the line; in quotes as in JSON, for what cannot be written so.
fn text_value(text: &str) -> Result<Text, String> {
    if text.len() > 1 && text.starts_with('"') && text.ends_with('"') {
        let unquoted: String =
            serde_json::from_str(text).map_err(|error| format!("{text} is no text in quotes: {error}"))?;
        return Ok(Text::new(unquoted));
    }
    Ok(Text::new(text))
}

fn json_value(text: &str) -> Result<Text, String> {
    let value = Text::new(text);
    // What has places is read when they are filled.
    if value.names().next().is_none() && serde_json::from_str::<Value>(text).is_err() {
        return Err(format!("`{text}` is no JSON; write text in quotes, such as \"apple\""));
    }
    Ok(value)
}

/// The first word, and the rest.
pub(super) fn word(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once([' ', '\t']).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Expect {
    /// Whether it says which status is right.
    pub(in crate::testing) fn is_of_status(&self) -> bool {
        self.subject == Subject::Status
    }

    /// The texts in it that may have places.
    pub(super) fn texts(&self) -> impl Iterator<Item = &Text> {
        match &self.check {
            Check::Equals(text) | Check::Contains(text) | Check::Lacks(text) => Some(text),
            _ => None,
        }
        .into_iter()
    }
}
