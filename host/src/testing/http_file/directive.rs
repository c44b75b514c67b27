//! What comments direct: `# @expect …` and the like.

use std::time::{Duration, SystemTime};

use http::{HeaderName, Method};

use super::expect::{Check, Subject, Want, one_line, word};
use super::json_path::JsonPath;
use super::model::{Answer, Content, Reply, Take, TakenFrom};
use super::text::{Text, is_name};

/// The longest that a request may be given.
const LONGEST: Duration = Duration::from_mins(10);

/// What a line directs.
pub(super) enum Directive {
    Expect(Want),
    Take(Take),
    Until(Text),
    Timeout(Duration),
    Answer(Answer),
    AnswerField(String, Text),
    AnswerBody(Content),
    Asked(Subject, Check),
    Secret(String, Text),
    Environment(String, Text),
    Clock(SystemTime),
    Name(String),
    /// It is for other clients.
    None,
}

/// All that are known here.
const KNOWN: [&str; 11] = [
    "expect",
    "take",
    "until",
    "timeout",
    "answer",
    "answer-field",
    "answer-body",
    "asked",
    "secret",
    "environment",
    "clock",
];

/// Those of other clients, which change nothing here: no redirect is followed, and no cookie kept.
const OF_OTHERS: [&str; 5] = ["no-redirect", "no-log", "no-cookie-jar", "no-auto-encoding", "note"];

/// Reads what is written after `# @` in `line`.
///
/// # Errors
///
/// What is wrong, and what to write.
pub(super) fn read(line: usize, text: &str) -> Result<Directive, String> {
    let (word, rest) = word(text);
    match word {
        "expect" => Want::parse(rest).map(Directive::Expect),
        "take" => take(line, rest).map(Directive::Take),
        "until" if !rest.is_empty() => Ok(Directive::Until(Text::new(rest))),
        "until" => Err("says no text; write `# @until TEXT`".to_owned()),
        "timeout" => match humantime::parse_duration(rest) {
            Ok(timeout) if !timeout.is_zero() && timeout <= LONGEST => Ok(Directive::Timeout(timeout)),
            Ok(_) => Err(format!("`{rest}` is no time to wait; it is at most 10m, and not nothing")),
            Err(_) => Err(format!("`{rest}` is no time; write `# @timeout 5s`")),
        },
        "answer" => answer(line, rest).map(Directive::Answer),
        "answer-field" => {
            let (name, value) = rest.split_once(':').unwrap_or((rest, ""));
            let name: HeaderName = name
                .trim()
                .parse()
                .map_err(|_| format!("`{rest}` is no field; write `# @answer-field Name: value`"))?;
            Ok(Directive::AnswerField(name.to_string(), Text::new(value.trim())))
        }
        "answer-body" => Ok(Directive::AnswerBody(content(rest))),
        "asked" => match Want::parse(rest)? {
            Want::Check(Subject::Status, _) | Want::Snapshot => Err(
                "a request has no status and no snapshot; write `field NAME = TEXT`, `body contains TEXT` or `json \
                 $.PATH = JSON`"
                    .to_owned(),
            ),
            Want::Check(subject, check) => Ok(Directive::Asked(subject, check)),
        },
        "secret" => named(rest, "secret").map(|(name, value)| Directive::Secret(name, value)),
        "environment" => named(rest, "environment").map(|(name, value)| Directive::Environment(name, value)),
        "clock" => humantime::parse_rfc3339_weak(rest)
            .map(Directive::Clock)
            .map_err(|_| format!("`{rest}` is no time; write `# @clock 2026-01-31T12:00:00Z`")),
        "name" if !rest.is_empty() => Ok(Directive::Name(rest.to_owned())),
        _ if OF_OTHERS.contains(&word) => Ok(Directive::None),
        _ => {
            let near = KNOWN.into_iter().find(|known| strsim::damerau_levenshtein(known, word) <= 2);
            let remedy = match near {
                Some(known) => format!("did you mean @{known}?"),
                None => format!("there is @{}", KNOWN.join(", @")),
            };
            Err(format!("`@{word}` is not known; {remedy}"))
        }
    }
}

/// `NAME = VALUE`.
fn named(text: &str, of: &str) -> Result<(String, Text), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), Text::new(value.trim())))
        }
        _ => Err(format!("`{text}` says no value; write `# @{of} NAME = VALUE`")),
    }
}

/// `NAME = json PATH`, `NAME = field NAME`, `NAME = body`, and `matches REGEX` after them.
fn take(line: usize, text: &str) -> Result<Take, String> {
    let example = "write `# @take id = json $.id` or `# @take id = field Location matches /items/(.+)`";
    let (name, rest) = text.split_once('=').ok_or_else(|| format!("`{text}` takes nothing; {example}"))?;
    let name = name.trim().to_owned();
    if !is_name(&name) {
        return Err(format!("`{name}` is no name for a value; {example}"));
    }
    let (of, rest) = word(rest);
    let (from, rest) = match of {
        "json" => JsonPath::parse(rest).map(|(path, rest)| (TakenFrom::Json(path), rest))?,
        "field" => {
            let (field, rest) = word(rest);
            (TakenFrom::Field(field.to_ascii_lowercase()), rest)
        }
        "body" => (TakenFrom::Body, rest),
        _ => return Err(format!("`{of}` is nothing to take from; {example}")),
    };
    let pattern = match word(rest) {
        ("", _) => None,
        ("matches", pattern) => Some(regex::Regex::new(pattern).map_err(|error| {
            format!("`{pattern}` is no regular expression: {}", one_line(&error.to_string()))
        })?),
        _ => return Err(format!("`{rest}` is not known; {example}")),
    };
    Ok(Take { line, name, from, pattern })
}

/// `METHOD URL STATUS`, or `closed` for a connection that is closed without an answer.
fn answer(line: usize, text: &str) -> Result<Answer, String> {
    let example = "write `# @answer GET https://api.example.com/today 200`, or `closed` for the status";
    let words: Vec<_> = text.split_whitespace().collect();
    let [method, url, status] = words[..] else { return Err(format!("`{text}` is no answer; {example}")) };
    let method: Method = method.parse().map_err(|_| format!("`{method}` is no method; {example}"))?;
    if !url.starts_with("http://") && !url.starts_with("https://") && !url.starts_with("{{") {
        return Err(format!("`{url}` is no URL; {example}"));
    }
    let reply = match status {
        "closed" => None,
        _ => {
            let status = status.parse().ok().filter(|status| (200..600).contains(status));
            let status =
                status.ok_or_else(|| format!("`{}` is no status of an answer; {example}", words[2]))?;
            Some(Reply { status, fields: Vec::new(), body: Content::None })
        }
    };
    Ok(Answer { line, method, url: Text::new(url), reply, expects: Vec::new() })
}

/// What is written, or `< FILE`.
pub(super) fn content(text: &str) -> Content {
    match text.strip_prefix("< ") {
        Some(file) => Content::File(file.trim().to_owned()),
        None => Content::Written(Text::new(text)),
    }
}
