//! What other servers answer in a test: what its file says, and else nothing.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;

use super::check::{Message, check};
use super::files;
use super::http_file::{Answer, Content, Expect, Variables};
use super::outcome::Failure;

/// The longest body that another server takes, in bytes.
const LONGEST: usize = 16 << 20;

/// Why a connection is closed in the place of an answer.
#[derive(Debug, thiserror::Error)]
#[error("there is no answer")]
pub(super) struct Closed;

/// The answers of a test, and what was asked.
pub(super) struct Answers {
    /// What paths of files are relative to.
    folder: PathBuf,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    known: Vec<Known>,
    failures: Vec<Failure>,
    /// The line of the request of the test that is under way.
    line: usize,
}

struct Known {
    answer: Answer,
    url: String,
    /// With places filled as they were when the answer was made known.
    reply: Option<Ready>,
    variables: Variables,
    is_used: bool,
    /// Whether the test itself has it, so that it has to be asked for.
    is_due: bool,
}

#[derive(Clone)]
struct Ready {
    status: u16,
    fields: Vec<(String, String)>,
    body: Bytes,
}

impl Answers {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), state: RefCell::default() }
    }

    /// Makes answers known; what is wrong with them is a failure.
    pub(super) fn add(&self, answers: &[Answer], variables: &Variables, is_due: bool) {
        for answer in answers {
            let reply = answer.reply.as_ref().map(|reply| {
                let fields = reply.fields.iter().map(|(name, value)| (name.clone(), value.fill(variables)));
                let body = match &reply.body {
                    Content::None => Ok(Vec::new()),
                    Content::Written(text) => Ok(text.fill(variables).into_bytes()),
                    Content::File(file) => files::read(&self.folder.join(file)),
                };
                body.map(|body| Ready { status: reply.status, fields: fields.collect(), body: body.into() })
            });
            let mut state = self.state.borrow_mut();
            match reply.transpose() {
                Ok(reply) => state.known.push(Known {
                    url: plain(&answer.url.fill(variables)),
                    answer: answer.clone(),
                    reply,
                    variables: variables.clone(),
                    is_used: false,
                    is_due,
                }),
                Err(problem) => state.failures.push(Failure::new(answer.line, problem)),
            }
        }
    }

    /// The request of the test in `line` begins.
    pub(super) fn begin(&self, line: usize) {
        self.state.borrow_mut().line = line;
    }

    /// What went wrong since this was last asked.
    pub(super) fn failures(&self) -> Vec<Failure> {
        std::mem::take(&mut self.state.borrow_mut().failures)
    }

    /// The answers of the test that nobody has asked for.
    pub(super) fn unused(&self) -> Vec<Failure> {
        let state = self.state.borrow();
        let unused = state.known.iter().filter(|known| known.is_due && !known.is_used);
        unused
            .map(|known| {
                let Answer { line, method, .. } = &known.answer;
                Failure::new(*line, format!("no handler has asked for {method} {}", known.url))
            })
            .collect()
    }

    /// Answers a request to the server at `origin`.
    pub(super) async fn answer(
        &self,
        origin: &Uri,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Closed> {
        let (parts, body) = request.into_parts();
        let scheme = origin.scheme_str().unwrap_or("http");
        let authority = origin.authority().map_or("", |authority| authority.as_str());
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = plain(&format!("{scheme}://{authority}{path}"));
        let body = match Limited::new(body, LONGEST).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                let mut state = self.state.borrow_mut();
                let line = state.line;
                let what = format!("the outbound request {} {url} has not come whole: {error}", parts.method);
                note(&mut state.failures, Failure::new(line, what));
                return Err(Closed);
            }
        };
        let mut state = self.state.borrow_mut();
        let State { known, failures, line } = &mut *state;
        let fits = |known: &Known| {
            known.answer.method == parts.method
                && match known.url.strip_suffix('*') {
                    Some(beginning) => url.starts_with(beginning),
                    None => url == known.url,
                }
        };
        // The test's own before the file's; in their order, and the last one goes on to answer.
        let is_own = known.iter().any(|known| fits(known) && known.is_due);
        let fits = |known: &Known| fits(known) && known.is_due == is_own;
        let at = known.iter().position(|known| fits(known) && !known.is_used);
        let Some(known) = at.or_else(|| known.iter().rposition(fits)).and_then(|at| known.get_mut(at)) else {
            let method = &parts.method;
            let what = format!(
                "the outbound request {method} {url} has no answer; write `# @answer {method} {url} 200` before the \
                 request's line"
            );
            note(failures, Failure::new(*line, what));
            return Err(Closed);
        };
        known.is_used = true;
        let message = Message { status: None, headers: &parts.headers, body: &body };
        let wrong = |expect: &Expect| {
            let failure = check(expect, &message, &known.variables)?;
            Some(Failure { what: format!("asked of {url}: {}", failure.what), ..failure })
        };
        failures.extend(known.answer.expects.iter().filter_map(wrong));
        let reply = known.reply.clone().ok_or(Closed)?;
        response(reply).map_err(|problem| {
            failures.push(Failure::new(known.answer.line, problem));
            Closed
        })
    }
}

/// Once, as what is safe is asked again where its connection was closed.
fn note(failures: &mut Vec<Failure>, failure: Failure) {
    if !failures.contains(&failure) {
        failures.push(failure);
    }
}

fn response(Ready { status, fields, body }: Ready) -> Result<Response<Full<Bytes>>, String> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status.try_into().map_err(|_| format!("{status} is no status"))?;
    for (name, value) in fields {
        let parsed = (name.parse::<HeaderName>(), HeaderValue::try_from(&value));
        let (Ok(name), Ok(value)) = parsed else { return Err(format!("`{name}: {value}` is no field")) };
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

/// A URL without what may be left out of it.
fn plain(url: &str) -> String {
    let Ok(parsed) = url.parse::<Uri>() else { return url.to_owned() };
    let (Some(scheme), Some(authority)) = (parsed.scheme_str(), parsed.authority()) else {
        return url.to_owned();
    };
    let default = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.as_str().to_ascii_lowercase();
    let authority = authority.strip_suffix(default).unwrap_or(&authority);
    let path = parsed.path_and_query().map_or("/", |path| path.as_str());
    format!("{scheme}://{authority}{path}")
}
