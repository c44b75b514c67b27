//! The response that a test asks for, in the query: the same for the guests of all worlds.

use std::time::Duration;

/// How long after its head a response goes on, where it is to have left.
pub(crate) const LATER: Duration = Duration::from_millis(300);

/// How the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    /// The guest traps.
    Trap,
    /// It says first that the body is complete without trailers, and traps before it is.
    Early,
    /// It gives the body up.
    Dropped,
    /// It ends, and the body does not.
    Returned,
    /// It exits with this status.
    Exit(i32),
}

/// `?status=…&length=…&cache=…&body=…&end=…&after=…&later&late`, each of which may be missing.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) status: u16,
    /// `content-length`.
    pub(crate) length: Option<String>,
    /// `cache-control`.
    pub(crate) cache: Option<String>,
    pub(crate) body: String,
    pub(crate) end: End,
    /// With which status it exits when all is said.
    pub(crate) after: Option<i32>,
    /// Whether the head leaves before the body ends.
    pub(crate) later: bool,
    /// Whether nothing leaves at once.
    pub(crate) late: bool,
}

impl Asked {
    pub(crate) fn of(path_with_query: &str) -> Self {
        let query = path_with_query.split_once('?').map_or("", |(_, query)| query);
        let pairs = || query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let value = |name: &str| pairs().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
        Self {
            status: value("status").and_then(|status| status.parse().ok()).unwrap_or(200),
            length: value("length"),
            cache: value("cache"),
            body: value("body").unwrap_or_default(),
            end: match value("end").as_deref() {
                Some("trap") => End::Trap,
                Some("early") => End::Early,
                Some("dropped") => End::Dropped,
                Some("returned") => End::Returned,
                Some("exit0") => End::Exit(0),
                Some("exit1") => End::Exit(1),
                _ => End::Complete,
            },
            after: value("after").and_then(|after| after.strip_prefix("exit")?.parse().ok()),
            later: value("later").is_some(),
            late: value("late").is_some(),
        }
    }

    /// The fields of the head.
    pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
        let length = self.length.clone().map(|length| ("content-length", length));
        length.into_iter().chain(self.cache.clone().map(|cache| ("cache-control", cache))).collect()
    }
}
