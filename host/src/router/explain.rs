//! Why a request goes where it goes: for `patchboard routes explain`.
//!
//! Every route is asked by itself whether it matches, in the order of precedence,
//! without the tree: so this also checks the search.

use std::fmt;

use http::Method;

use super::host::RequestHost;
use super::path::{PathError, RequestPath};
use super::route::{Miss, Route};
use super::table::{Find, Table};

/// Near misses that are printed.
const NEAR_MISSES: usize = 10;

/// What was considered for a request, and what came out.
#[derive(Debug)]
pub struct Explanation<'t, T> {
    /// The method.
    pub method: Method,
    /// The host, as it is compared.
    pub host: String,
    /// The path, as it was sent.
    pub path: String,
    /// Its decoded segments.
    pub segments: Vec<String>,
    /// All routes, in the order in which they are considered.
    pub candidates: Vec<Candidate<'t, T>>,
    /// What came out.
    pub outcome: Outcome,
}

/// A route, and what became of it.
#[derive(Debug)]
pub struct Candidate<'t, T> {
    /// The route.
    pub route: &'t Route<T>,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It answers, with these parameters.
    Won(Vec<(String, String)>),
    /// It matches, but a more specific one answers.
    LessSpecific,
    /// It matches, but for another method.
    OtherMethod,
    /// It matches, but a more specific host has the path.
    LessSpecificHost,
    /// It does not match.
    Missed(Miss),
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The route that won answers.
    Answered,
    /// 405, or 204 to OPTIONS, with these in `Allow`.
    MethodNotAllowed(Vec<Method>),
    /// 308 to this path.
    Redirect(String),
    /// 404.
    NotFound,
    /// 400, before any route is asked.
    Refused(PathError),
}

impl<T> Table<T> {
    /// Why a request goes where it goes.
    pub fn explain(&self, method: &Method, authority: &str, path: &str) -> Explanation<'_, T> {
        let host = RequestHost::new(authority);
        let mut explanation = Explanation {
            method: method.clone(),
            host: host.as_str().to_owned(),
            path: path.to_owned(),
            segments: Vec::new(),
            candidates: Vec::new(),
            outcome: Outcome::NotFound,
        };
        let parsed = match RequestPath::parse(path) {
            Ok(parsed) => parsed,
            Err(error) => {
                explanation.outcome = Outcome::Refused(error);
                return explanation;
            }
        };
        explanation.segments =
            parsed.segments().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
        let found = self.find(method, &host, &parsed);
        let winner = match &found {
            Find::Found(found) => Some(found),
            _ => None,
        };
        // The host that has the path decides, with or without the method.
        let mut deciding = None;
        for route in self.routes() {
            let verdict = match route.pattern.matches(&host, &parsed) {
                Err(miss) => Verdict::Missed(miss),
                Ok(_) if *deciding.get_or_insert(&route.pattern.host) != &route.pattern.host => {
                    Verdict::LessSpecificHost
                }
                Ok(_) => match winner {
                    Some(won) if std::ptr::eq(won.route, route) => Verdict::Won(won.parameters()),
                    _ if !route.pattern.method.answers(method) => Verdict::OtherMethod,
                    _ => Verdict::LessSpecific,
                },
            };
            explanation.candidates.push(Candidate { route, verdict });
        }
        explanation.outcome = match found {
            Find::Found(_) => Outcome::Answered,
            Find::MethodNotAllowed(allow) => Outcome::MethodNotAllowed(allow),
            Find::Redirect(location) => Outcome::Redirect(location),
            Find::NotFound => Outcome::NotFound,
        };
        explanation
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Won(_) => f.write_str("answers"),
            Self::LessSpecific => f.write_str("matches, but is less specific"),
            Self::OtherMethod => f.write_str("matches, but has another method"),
            Self::LessSpecificHost => f.write_str("matches, but its host is less specific"),
            Self::Missed(miss) => write!(f, "does not match: {miss}"),
        }
    }
}

impl<T> fmt::Display for Explanation<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, host, path, .. } = self;
        writeln!(f, "{method} {host}{path}")?;
        writeln!(f, "segments: {:?}", self.segments)?;
        // What matches, and what nearly does, in the order in which they are asked.
        let near = self.nearest();
        let shown: Vec<_> = self.candidates.iter().filter(|candidate| distance(candidate) >= near).collect();
        let misses = shown.iter().filter(|c| matches!(c.verdict, Verdict::Missed(_))).count();
        let mut left = NEAR_MISSES;
        let width =
            shown.iter().map(|c| c.route.pattern.to_string().chars().count()).max().unwrap_or(0).min(60);
        for Candidate { route, verdict } in &shown {
            let mark = match verdict {
                Verdict::Won(_) => "=>",
                Verdict::Missed(_) if left == 0 => continue,
                Verdict::Missed(_) => {
                    left -= 1;
                    "  "
                }
                _ => " ~",
            };
            writeln!(f, "{mark} {:width$}  {verdict}", route.pattern.to_string())?;
            if let Verdict::Won(parameters) = verdict {
                for (name, value) in parameters {
                    writeln!(f, "     {name} = {value:?}")?;
                }
            }
        }
        let others = self.candidates.len() - shown.len() + misses.saturating_sub(NEAR_MISSES);
        if others > 0 {
            writeln!(f, "   and {others} more that do not match")?;
        }
        match &self.outcome {
            Outcome::Answered => Ok(()),
            Outcome::MethodNotAllowed(allow) => {
                let allow: Vec<_> = allow.iter().map(Method::as_str).collect();
                let status = if *method == Method::OPTIONS { 204 } else { 405 };
                writeln!(f, "{status}, Allow: {}", allow.join(", "))
            }
            Outcome::Redirect(location) => writeln!(f, "308 to {location}"),
            Outcome::NotFound => writeln!(f, "404: no route has this path"),
            Outcome::Refused(error) => writeln!(f, "400: {error}"),
        }
    }
}

impl<T> Explanation<'_, T> {
    /// How far the misses that are shown got: as far as the farthest one.
    fn nearest(&self) -> usize {
        let misses = self.candidates.iter().filter(|c| matches!(c.verdict, Verdict::Missed(_)));
        misses.map(distance).max().unwrap_or(0).max(1)
    }
}

/// How far a route got with a request.
fn distance<T>(candidate: &Candidate<'_, T>) -> usize {
    match &candidate.verdict {
        Verdict::Missed(Miss::Host) => 0,
        Verdict::Missed(Miss::Segment { at, .. }) => at + 1,
        Verdict::Missed(Miss::TooShort | Miss::TooLong) => candidate.route.pattern.pattern.segments.len() + 1,
        _ => usize::MAX,
    }
}
