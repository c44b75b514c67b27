//! What is in a file: tests, each with its requests and what is expected of their answers.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use http::Method;

use super::expect::Expect;
use super::json_path::JsonPath;
use super::text::{Text, Variables};

/// A file.
#[derive(Debug, Default)]
pub(in crate::testing) struct HttpFile {
    /// What holds for all of its tests.
    pub(in crate::testing) setup: Setup,
    /// Answers of other servers, for all of its tests.
    pub(in crate::testing) answers: Vec<Answer>,
    /// The variables that it sets.
    pub(in crate::testing) variables: Variables,
    pub(in crate::testing) tests: Vec<Test>,
}

/// What a test begins with.
#[derive(Debug, Clone, Default)]
pub(in crate::testing) struct Setup {
    /// The secrets of the configuration, by name.
    pub(in crate::testing) secrets: BTreeMap<String, Text>,
    /// The variables of the environment that the configuration names.
    pub(in crate::testing) environment: BTreeMap<String, Text>,
    /// Where the wall clock stands.
    pub(in crate::testing) clock: Option<SystemTime>,
}

/// Requests, one after the other, of handlers that have kept nothing before.
#[derive(Debug, Default)]
pub(in crate::testing) struct Test {
    pub(in crate::testing) name: String,
    /// Where it begins.
    pub(in crate::testing) line: usize,
    pub(in crate::testing) setup: Setup,
    pub(in crate::testing) steps: Vec<Step>,
}

/// A request, and what is expected of its answer.
#[derive(Debug)]
pub(in crate::testing) struct Step {
    pub(in crate::testing) line: usize,
    pub(in crate::testing) method: Method,
    /// A path with its query, or a URL.
    pub(in crate::testing) target: Text,
    pub(in crate::testing) fields: Vec<(String, Text)>,
    pub(in crate::testing) body: Content,
    pub(in crate::testing) expects: Vec<Expect>,
    /// Where what is expected as a snapshot was asked for.
    pub(in crate::testing) snapshot: Option<usize>,
    /// What is kept of the answer for what comes after.
    pub(in crate::testing) takes: Vec<Take>,
    /// Answers of other servers from here on.
    pub(in crate::testing) answers: Vec<Answer>,
    /// The answer is read until this was in its body.
    pub(in crate::testing) until: Option<Text>,
    /// How long it may take in all.
    pub(in crate::testing) timeout: Duration,
}

/// A body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::testing) enum Content {
    #[default]
    None,
    Written(Text),
    /// What is in a file, whose path is relative to that of the test.
    File(String),
}

/// How another server answers.
#[derive(Debug, Clone)]
pub(in crate::testing) struct Answer {
    pub(in crate::testing) line: usize,
    pub(in crate::testing) method: Method,
    /// What is asked for; with `*` at its end, all that begins so.
    pub(in crate::testing) url: Text,
    pub(in crate::testing) reply: Option<Reply>,
    /// What is expected of the request.
    pub(in crate::testing) expects: Vec<Expect>,
}

/// What it answers; none closes the connection.
#[derive(Debug, Clone)]
pub(in crate::testing) struct Reply {
    pub(in crate::testing) status: u16,
    pub(in crate::testing) fields: Vec<(String, Text)>,
    pub(in crate::testing) body: Content,
}

/// A value that is kept under a name.
#[derive(Debug)]
pub(in crate::testing) struct Take {
    pub(in crate::testing) line: usize,
    pub(in crate::testing) name: String,
    pub(in crate::testing) from: TakenFrom,
    /// Where there is one, what its first group finds.
    pub(in crate::testing) pattern: Option<regex::Regex>,
}

/// Where a value is.
#[derive(Debug)]
pub(in crate::testing) enum TakenFrom {
    Field(String),
    Body,
    Json(JsonPath),
}
