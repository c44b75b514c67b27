//! One test, from a server that has kept nothing to what came of it.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::answers::Answers;
use super::check::{Message, check, shown};
use super::files;
use super::http_file::{Content, HttpFile, Setup, Step, Take, TakenFrom, Test, Text, Variables};
use super::outcome::{Failure, Outcome};
use super::{routes, snapshot};
use crate::config::{Fakes, Source};
use crate::deploy::{Fresh, Stage};
use crate::dispatch::Dispatch;
use crate::handlers::StandInConnection;
use crate::readiness::Readiness;
use crate::server::{InProcess, stand_in};
use crate::telemetry::{AccessLog, Kept};

/// The longest body of an answer that is read, in bytes.
const LONGEST: usize = 16 << 20;

/// What all tests have in common.
pub(super) struct Ground<'g> {
    pub(super) stage: &'g Stage,
    pub(super) source: &'g Source,
    pub(super) access_log: &'g AccessLog,
    /// Whether snapshots are written.
    pub(super) updates: bool,
}

/// A file of tests that was read.
pub(super) struct Read {
    /// Its path as it is shown.
    pub(super) shown: String,
    pub(super) path: std::path::PathBuf,
    pub(super) file: HttpFile,
}

/// An answer as it was read.
struct Come {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Ground<'_> {
    /// Plays `test`.
    pub(super) fn play(&self, read: &Read, test: &Test) -> Outcome {
        let begun = Instant::now();
        let mut outcome = Outcome {
            file: read.shown.clone(),
            name: test.name.clone(),
            line: test.line,
            ..Outcome::default()
        };
        let log = Kept::default();
        if let Err(wrong) = self.try_play(read, test, &log, &mut outcome) {
            outcome.failures.extend(wrong.lines().map(|line| Failure::new(test.line, line)));
        }
        outcome.time = begun.elapsed();
        if !outcome.failures.is_empty() {
            outcome.log = log.take();
        }
        outcome
    }

    fn try_play(&self, read: &Read, test: &Test, log: &Kept, outcome: &mut Outcome) -> Result<(), String> {
        let say = |error: std::io::Error| format!("cannot begin the test: {error}");
        let folder = tempfile::Builder::new().prefix("patchboard-test-").tempdir().map_err(say)?;
        let fakes = fakes(folder.path(), &read.file, test);
        let source = Source { fakes: Some(fakes), ..self.source.clone() };
        let (to_stand_ins, mut connections) = mpsc::unbounded_channel();
        let clock = test.setup.clock.or(read.file.setup.clock);
        let fresh = self.stage.anew(&source, to_stand_ins, clock).map_err(|refused| refused.to_string())?;
        let Fresh { engine, site, settings, .. } = &fresh;
        let readiness = Arc::<Readiness>::default();
        let dispatch =
            Dispatch::new(site.clone(), engine.clone(), self.access_log.clone(), settings.clone(), readiness);
        let server = InProcess::start(settings, engine, &Arc::new(dispatch), log.dispatch()).map_err(say)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(say)?;
        let parent = read.path.parent().unwrap_or(Path::new(""));
        let answers = Rc::new(Answers::new(parent));
        let local = LocalSet::new();
        local.block_on(&runtime, async {
            let theirs = answers.clone();
            tokio::task::spawn_local(async move {
                while let Some(StandInConnection { origin, stream }) = connections.recv().await {
                    let answers = theirs.clone();
                    tokio::task::spawn_local(async move {
                        stand_in(stream, |request| answers.answer(&origin, request)).await;
                    });
                }
            });
            Playing { ground: self, read, test, server: &server, fresh: &fresh, answers: &answers }
                .play(outcome)
                .await;
        });
        Ok(())
    }
}

/// What the configuration does not find in a test.
fn fakes(folder: &Path, file: &HttpFile, test: &Test) -> Fakes {
    let mut fakes = Fakes { folder: folder.to_owned(), ..Fakes::default() };
    for Setup { secrets, environment, .. } in [&file.setup, &test.setup] {
        let filled = |(name, value): (&String, &Text)| (name.clone(), value.fill(&file.variables));
        fakes.secrets.extend(secrets.iter().map(filled));
        fakes.variables.extend(environment.iter().map(filled));
    }
    fakes
}

/// A test that is being played.
struct Playing<'p> {
    ground: &'p Ground<'p>,
    read: &'p Read,
    test: &'p Test,
    server: &'p InProcess,
    fresh: &'p Fresh,
    answers: &'p Answers,
}

impl Playing<'_> {
    async fn play(&self, outcome: &mut Outcome) {
        let mut variables = self.read.file.variables.clone();
        self.answers.add(&self.read.file.answers, &variables, false);
        for (index, step) in self.test.steps.iter().enumerate() {
            self.answers.begin(step.line);
            self.answers.add(&step.answers, &variables, true);
            outcome.requests += 1;
            match self.ask(step, &variables, outcome).await {
                Ok(come) => self.judge(step, index + 1, &come, &mut variables, outcome),
                Err(failure) => outcome.failures.push(failure),
            }
            outcome.failures.extend(self.answers.failures());
            if !outcome.failures.is_empty() {
                // What comes after builds on what should have come of this.
                return;
            }
        }
        outcome.failures.extend(self.answers.unused());
    }

    /// Sends a request, and reads the answer.
    async fn ask(&self, step: &Step, variables: &Variables, outcome: &mut Outcome) -> Result<Come, Failure> {
        let fail = |what: String| Failure::new(step.line, what);
        let request = self.request(step, variables).map_err(fail)?;
        let authority = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let site = self.fresh.site.load();
        outcome.routes.extend(routes::asked(&site, request.method(), authority, request.uri().path()));
        let until = tokio::time::Instant::now() + step.timeout;
        let late =
            |what: &str| fail(format!("{what} within {:?}; `# @timeout` gives it longer", step.timeout));
        let sent = tokio::time::timeout_at(until, self.send(request)).await;
        let response = sent
            .map_err(|_| late("there is no answer"))?
            .map_err(|error| fail(format!("there is no answer: {error}")))?;
        let (parts, body) = response.into_parts();
        let enough = step.until.as_ref().map(|text| text.fill(variables));
        let read = tokio::time::timeout_at(until, read(body, enough.as_deref())).await;
        let body = read
            .map_err(|_| late("the answer has no end, or not what `# @until` waits for,"))?
            .map_err(|problem| fail(format!("the answer {} {problem}", parts.status)))?;
        if !self.server.is_done(until).await {
            return Err(late("what the handler does after its response has no end"));
        }
        Ok(Come { status: parts.status, headers: parts.headers, body })
    }

    fn request(&self, step: &Step, variables: &Variables) -> Result<Request<Full<Bytes>>, String> {
        let target = step.target.fill(variables);
        let uri: Uri =
            target.parse().map_err(|error| format!("`{target}` is no path and no URL: {error}"))?;
        let body = match &step.body {
            Content::None => Vec::new(),
            Content::Written(text) => text.fill(variables).into_bytes(),
            Content::File(file) => files::read(&self.read.path.with_file_name("").join(file))?,
        };
        let mut headers = HeaderMap::new();
        let authority = uri.authority().map_or("localhost", |authority| authority.as_str());
        for (name, value) in [("host", authority.to_owned())]
            .into_iter()
            .chain(step.fields.iter().map(|(name, value)| (name.as_str(), value.fill(variables))))
        {
            let field = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value.as_bytes()));
            let (Ok(name), Ok(value)) = field else { return Err(format!("`{name}: {value}` is no field")) };
            match name == HOST {
                true => _ = headers.insert(name, value),
                false => _ = headers.append(name, value),
            }
        }
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = step.method.clone();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().map_err(|error| format!("`{target}` is no path: {error}"))?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(self.server.connect())).await?;
        // It ends with the answer.
        tokio::task::spawn_local(connection);
        sender.send_request(request).await
    }

    /// Holds an answer against what is expected of it, and keeps what comes after needs.
    fn judge(
        &self,
        step: &Step,
        number: usize,
        come: &Come,
        variables: &mut Variables,
        outcome: &mut Outcome,
    ) {
        let message = Message { status: Some(come.status), headers: &come.headers, body: &come.body };
        let wrong = step.expects.iter().filter_map(|expect| check(expect, &message, variables));
        outcome.failures.extend(wrong);
        let says_status = step.expects.iter().any(|expect| expect.is_of_status()) || step.snapshot.is_some();
        if !says_status && (come.status.is_client_error() || come.status.is_server_error()) {
            let got = format!("{}, with the body: {}", come.status.as_u16(), shown(&message.text()));
            outcome.failures.push(Failure {
                line: step.line,
                what: "no `# @expect status`, so it should be no error".to_owned(),
                compared: Some(("a status below 400".to_owned(), got)),
            });
        }
        if let Some(line) = step.snapshot {
            let path = snapshot::path(&self.read.path, &self.test.name, number);
            let text = snapshot::text(come.status, &come.headers, &come.body);
            match snapshot::compare(line, &path, &text, self.ground.updates) {
                Ok(true) => outcome.written.push(path.display().to_string()),
                Ok(false) => {}
                Err(failure) => outcome.failures.push(failure),
            }
        }
        for take in &step.takes {
            match taken(take, &message) {
                Ok(value) => _ = variables.insert(take.name.clone(), value),
                Err(problem) => outcome.failures.push(Failure::new(take.line, problem)),
            }
        }
    }
}

/// The body, or as much of it as has `enough` in it.
async fn read(mut body: Incoming, enough: Option<&str>) -> Result<Bytes, String> {
    let mut bytes = BytesMut::new();
    let has_enough =
        |bytes: &BytesMut| enough.is_some_and(|enough| String::from_utf8_lossy(bytes).contains(enough));
    while !has_enough(&bytes) {
        match body.frame().await {
            None => {
                return match enough {
                    None => Ok(bytes.freeze()),
                    Some(enough) => {
                        let text = String::from_utf8_lossy(&bytes).into_owned();
                        Err(format!(
                            "has ended without `{enough}`, which `# @until` waits for: {}",
                            shown(&text)
                        ))
                    }
                };
            }
            Some(Ok(frame)) => bytes.extend(frame.into_data().ok()),
            Some(Err(error)) => return Err(format!("broke off after {} bytes: {error}", bytes.len())),
        }
        if bytes.len() > LONGEST {
            return Err(format!("is longer than the {LONGEST} bytes that are read"));
        }
    }
    Ok(bytes.freeze())
}

/// The value that an answer has for what comes after.
fn taken(take: &Take, message: &Message<'_>) -> Result<String, String> {
    let name = &take.name;
    let text = match &take.from {
        TakenFrom::Body => message.text(),
        TakenFrom::Field(field) => {
            let values = message.values(field);
            values
                .into_iter()
                .next()
                .ok_or_else(|| format!("{name} is not to be had: there is no field {field}"))?
        }
        TakenFrom::Json(path) => {
            let body =
                message.json().map_err(|problem| format!("{name} is not to be had: it is {problem}"))?;
            match path.find(&body) {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => return Err(format!("{name} is not to be had: nothing is at {path} of {body}")),
            }
        }
    };
    let Some(pattern) = &take.pattern else { return Ok(text) };
    let found = pattern.captures(&text).and_then(|found| found.get(1).or_else(|| found.get(0)));
    let found = found.map(|found| found.as_str().to_owned());
    found.ok_or_else(|| format!("{name} is not to be had: `{pattern}` finds nothing in {}", shown(&text)))
}
