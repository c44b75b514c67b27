//! What a response must be for its request not to have failed. Pure.

use std::ops::RangeInclusive;

use memchr::memmem;
use serde_json::Value;

use crate::failure::Failure;

/// What is shown of a body that is not as expected.
const EXCERPT_BYTES: usize = 120;

#[derive(Debug, Clone)]
pub(crate) struct Expect {
    statuses: Vec<RangeInclusive<u16>>,
    text: Option<memmem::Finder<'static>>,
    json: Vec<Json>,
}

#[derive(Debug, Clone)]
enum Json {
    Any,
    Has(String),
    /// What was written, too: as a string it is as good, so that quotes can be left out.
    At(String, Option<Value>, String),
}

impl Expect {
    pub(crate) fn parse(statuses: &str, text: Option<&str>, json: &[String]) -> Result<Self, String> {
        Ok(Self {
            statuses: statuses.split(',').map(range).collect::<Result<_, _>>()?,
            text: text.map(|text| memmem::Finder::new(text).into_owned()),
            json: json.iter().map(|text| Json::parse(text)).collect(),
        })
    }

    /// Whether the body has to be kept for [`check`](Self::check).
    pub(crate) fn needs_body(&self) -> bool {
        self.text.is_some() || !self.json.is_empty()
    }

    pub(crate) fn check(&self, status: u16, body: &[u8]) -> Result<(), Failure> {
        if !self.statuses.iter().any(|range| range.contains(&status)) {
            return Err(Failure::Status(status));
        }
        if let Some(finder) = &self.text
            && finder.find(body).is_none()
        {
            let wanted = String::from_utf8_lossy(finder.needle()).into_owned();
            return Err(Failure::Body(format!("does not contain `{wanted}`: {}", excerpt(body))));
        }
        if self.json.is_empty() {
            return Ok(());
        }
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| Failure::Body(format!("is not JSON ({error}): {}", excerpt(body))))?;
        for json in &self.json {
            let missing = match json {
                Json::Has(pointer) if value.pointer(pointer).is_none() => format!("has nothing at {pointer}"),
                Json::At(pointer, wanted, text) => {
                    let found = value.pointer(pointer);
                    if wanted.is_some() && found == wanted.as_ref()
                        || found.and_then(Value::as_str) == Some(text)
                    {
                        continue;
                    }
                    format!("has not {text} at {pointer}")
                }
                _ => continue,
            };
            return Err(Failure::Body(format!("{missing}: {}", excerpt(body))));
        }
        Ok(())
    }
}

impl Json {
    fn parse(text: &str) -> Self {
        match text.split_once('=') {
            None if text.is_empty() => Self::Any,
            None => Self::Has(text.to_owned()),
            Some((pointer, value)) => {
                let parsed = serde_json::from_str(value).ok();
                Self::At(pointer.to_owned(), parsed, value.to_owned())
            }
        }
    }
}

fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || format!("`{text}` is no status; write for example 201 or 200-204,404");
    let number =
        |text: &str| text.trim().parse().ok().filter(|status| (100..=999).contains(status)).ok_or_else(wrong);
    match text.split_once('-') {
        Some((from, to)) => Ok(number(from)?..=number(to)?),
        None => number(text).map(|status| status..=status),
    }
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..EXCERPT_BYTES).unwrap_or(body));
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(expect: &Expect, status: u16, body: &str) -> Option<String> {
        expect.check(status, body.as_bytes()).err().map(|failure| failure.to_string())
    }

    #[test]
    fn statuses() {
        let expect = Expect::parse("200-204, 404", None, &[]).unwrap();
        for (status, fine) in [(200, true), (204, true), (205, false), (404, true), (500, false)] {
            assert_eq!(expect.check(status, b"").is_ok(), fine, "{status}");
        }
        assert!(!expect.needs_body());
        for wrong in ["", "2xx", "99", "200-", "1000"] {
            assert!(Expect::parse(wrong, None, &[]).unwrap_err().contains("is no status"), "{wrong}");
        }
    }

    #[test]
    fn bodies() {
        let text = Expect::parse("200", Some("sha"), &[]).unwrap();
        assert_eq!(failure(&text, 200, "a sha"), None);
        assert!(failure(&text, 200, "none").unwrap().contains("does not contain `sha`: none"));

        let json = ["/a/0=1".to_owned(), "/b=x".to_owned(), "/c".to_owned()];
        let json = Expect::parse("200", None, &json).unwrap();
        assert_eq!(failure(&json, 200, r#"{"a":[1],"b":"x","c":true}"#), None);
        assert_eq!(failure(&json, 200, r#"{"a":["1"],"b":"x","c":true}"#), None);
        assert!(failure(&json, 200, r#"{"a":[2],"b":"x","c":true}"#).unwrap().contains("has not 1 at /a/0"));
        assert!(failure(&json, 200, r#"{"a":[1],"b":"x"}"#).unwrap().contains("has nothing at /c"));
        assert!(failure(&json, 200, "<html>").unwrap().contains("is not JSON"));

        let any = Expect::parse("200", None, &[String::new()]).unwrap();
        assert_eq!(failure(&any, 200, "[]"), None);
        assert!(failure(&any, 200, "").is_some());
    }
}
