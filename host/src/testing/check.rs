//! Whether a message is as it was expected. Pure.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::http_file::{Check, Expect, Subject, Text, Variables};
use super::outcome::Failure;

/// How much of a text is shown, in characters.
const SHOWN: usize = 2000;

/// A response, or a request, which has no status.
pub(super) struct Message<'m> {
    pub(super) status: Option<StatusCode>,
    pub(super) headers: &'m HeaderMap,
    pub(super) body: &'m [u8],
}

impl Message<'_> {
    /// The body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(self.body).into_owned()
    }

    /// All values of a field.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(self.body)
            .map_err(|error| format!("no JSON ({error}): {}", shown(&self.text())))
    }

    /// What it is in a few words.
    fn describe(&self) -> String {
        shown(&self.text())
    }
}

/// Holds `message` against what is expected of it.
pub(super) fn check(expect: &Expect, message: &Message<'_>, variables: &Variables) -> Option<Failure> {
    let compared = compare(&expect.subject, &expect.check, message, variables).err()?;
    Some(Failure { line: expect.line, what: expect.written.clone(), compared: Some(compared) })
}

type Compared = Result<(), (String, String)>;

fn compare(subject: &Subject, check: &Check, message: &Message<'_>, variables: &Variables) -> Compared {
    match subject {
        Subject::Status => status(check, message),
        Subject::Field(name) => {
            let values = message.values(name);
            let got = if values.is_empty() { "no such field".to_owned() } else { values.join(", ") };
            texts(check, &values, variables).map_err(|expected| (expected, shown(&got)))
        }
        Subject::Body => {
            let text = message.text();
            let values = if text.is_empty() { Vec::new() } else { vec![text] };
            let is_empty = values.is_empty();
            // An empty one equals an empty text.
            let empty = [String::new()];
            let values =
                if is_empty && !matches!(check, Check::Present | Check::Absent) { &empty } else { &*values };
            let got = if is_empty { "an empty body".to_owned() } else { message.describe() };
            texts(check, values, variables).map_err(|expected| (expected, got))
        }
        Subject::Json(path) => {
            let body = message.json().map_err(|problem| (format!("JSON with {path}"), problem))?;
            let found = path.find(&body);
            let got = match found {
                Some(found) => found.to_string(),
                None => format!("nothing at {path} of {body}"),
            };
            json(check, found, variables).map_err(|expected| (expected, shown(&got)))
        }
    }
}

fn status(check: &Check, message: &Message<'_>) -> Compared {
    let Check::Status(expected) = check else { return Ok(()) };
    let got = message.status.map_or(String::new(), |status| status.as_str().to_owned());
    let fits = match expected.strip_suffix("xx") {
        Some(class) => got.starts_with(class),
        None => got == *expected,
    };
    // What an error page says is often why.
    let got = format!("{got}, with the body: {}", message.describe());
    if fits { Ok(()) } else { Err((expected.clone(), got)) }
}

/// Whether one of `values` is as it should be; else what was expected.
fn texts(check: &Check, values: &[String], variables: &Variables) -> Result<(), String> {
    let any = |fits: &dyn Fn(&str) -> bool| values.iter().any(|value| fits(value));
    let (fits, expected) = match check {
        Check::Equals(text) => {
            let text = text.fill(variables);
            (any(&|value| value == text), text)
        }
        Check::Contains(text) => {
            let text = text.fill(variables);
            (any(&|value| value.contains(&text)), format!("something with {text}"))
        }
        Check::Lacks(text) => {
            let text = text.fill(variables);
            (!any(&|value| value.contains(&text)), format!("nothing with {text}"))
        }
        Check::Matches(regex) => {
            (any(&|value| regex.is_match(value)), format!("something that matches {regex}"))
        }
        Check::Length(length) => {
            let expected = format!("a length of {length} bytes");
            (any(&|value| value.len() == *length), expected)
        }
        Check::Present => (!values.is_empty(), "something".to_owned()),
        Check::Absent => (values.is_empty(), "nothing".to_owned()),
        Check::Status(_) => (true, String::new()),
    };
    if fits { Ok(()) } else { Err(expected) }
}

fn json(check: &Check, found: Option<&Value>, variables: &Variables) -> Result<(), String> {
    let value = |text: &Text| {
        let text = text.fill(variables);
        serde_json::from_str::<Value>(&text).map_err(|error| format!("JSON, which `{text}` is not ({error})"))
    };
    let has = |part: &Value| match (found, part) {
        (Some(Value::String(text)), Value::String(part)) => text.contains(part),
        (Some(Value::Array(items)), part) => items.contains(part),
        (Some(Value::Object(members)), Value::String(key)) => members.contains_key(key),
        _ => false,
    };
    let (fits, expected) = match check {
        Check::Equals(text) => {
            let value = value(text)?;
            (found == Some(&value), value.to_string())
        }
        Check::Contains(text) => {
            let value = value(text)?;
            (has(&value), format!("something with {value}"))
        }
        Check::Lacks(text) => {
            let value = value(text)?;
            (found.is_some() && !has(&value), format!("something without {value}"))
        }
        Check::Matches(regex) => {
            let fits = match found {
                Some(Value::String(text)) => regex.is_match(text),
                Some(other) => regex.is_match(&other.to_string()),
                None => false,
            };
            (fits, format!("something that matches {regex}"))
        }
        Check::Length(length) => {
            let found = match found {
                Some(Value::Array(items)) => Some(items.len()),
                Some(Value::Object(members)) => Some(members.len()),
                Some(Value::String(text)) => Some(text.chars().count()),
                _ => None,
            };
            (found == Some(*length), format!("a length of {length}"))
        }
        Check::Present => (found.is_some(), "something".to_owned()),
        Check::Absent => (found.is_none(), "nothing".to_owned()),
        Check::Status(_) => (true, String::new()),
    };
    if fits { Ok(()) } else { Err(expected) }
}

/// As much of a text as is read.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::http_file::parse;

    /// What is wrong with a response where this is expected of it.
    fn of(expected: &str) -> Option<(String, String)> {
        let file = parse("a.http", &format!("@id = 7\n### a\n# @expect {expected}\nGET /\n")).unwrap();
        let expect = &file.tests[0].steps[0].expects[0];
        let mut headers = HeaderMap::new();
        headers.append("set-cookie", "a=1".parse().unwrap());
        headers.append("set-cookie", "b=2".parse().unwrap());
        let body = r#"{"id":7,"name":"apple","tags":["red",{"a":1}],"none":null}"#;
        let message = Message { status: Some(StatusCode::CREATED), headers: &headers, body: body.as_bytes() };
        check(expect, &message, &file.variables).and_then(|failure| failure.compared)
    }

    #[test]
    fn what_is_as_expected_passes() {
        for expected in [
            "status 201",
            "status = 2xx",
            "field Set-Cookie = b=2",
            "field set-cookie contains a=",
            "field set-cookie lacks c=",
            "field set-cookie matches ^[ab]=[0-9]$",
            "field location absent",
            "field set-cookie present",
            "body contains \"name\"",
            "body lacks pear",
            "body matches \"id\":[0-9]+",
            "body present",
            "body length 58",
            "json $.id = {{id}}",
            "json $.name = \"apple\"",
            "json $.name contains \"app\"",
            "json $.name length 5",
            "json $.tags = [\"red\", { \"a\": 1 }]",
            "json $.tags contains \"red\"",
            "json $.tags lacks \"green\"",
            "json $.tags length 2",
            "json $ contains \"id\"",
            "json $.none = null",
            "json $.none present",
            "json $.other absent",
            "json $.id matches ^7$",
        ] {
            assert_eq!(of(expected), None, "{expected}");
        }
    }

    #[test]
    fn what_is_not_is_told_with_what_there_is() {
        for (expected, wanted, got) in [
            ("status 200", "200", "201, with the body: {\"id\":7"),
            ("status 4xx", "4xx", "201"),
            ("field location = /", "/", "no such field"),
            ("field set-cookie = c", "c", "a=1, b=2"),
            ("field set-cookie absent", "nothing", "a=1, b=2"),
            ("body = apple", "apple", "{\"id\":7"),
            ("body absent", "nothing", "{\"id\":7"),
            ("body lacks apple", "nothing with apple", "apple"),
            ("json $.id = 8", "8", "7"),
            ("json $.name = \"pear\"", "\"pear\"", "\"apple\""),
            ("json $.other = 1", "1", "nothing at $.other of {"),
            ("json $.other lacks 1", "something without 1", "nothing at"),
            ("json $.tags length 3", "a length of 3", "[\"red\""),
            ("json $.none absent", "nothing", "null"),
        ] {
            let (found, is) = of(expected).expect(expected);
            assert_eq!(found, wanted, "{expected}");
            assert!(is.contains(got), "{expected}: {is}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_is_said_to_be_none() {
        let file = parse("a.http", "### a\n# @expect json $.a = 1\n# @expect body = \"\"\nGET /\n").unwrap();
        let [json, body] = &file.tests[0].steps[0].expects[..] else { panic!("two") };
        let headers = HeaderMap::new();
        let message = Message { status: None, headers: &headers, body: b"" };
        let failure = check(json, &message, &file.variables).unwrap();
        assert!(failure.compared.unwrap().1.starts_with("no JSON (EOF"));
        assert_eq!(check(body, &message, &file.variables), None);
    }
}
