//! From one request to one response and one access-log line. Never fails.
//!
//! In: a request that hyper has parsed. Here: its id, the probes, the router, the
//! target; every failure becomes a response through [`crate::error`]. Out: a
//! response whose body writes the access-log line when it ends.

mod head;
mod logged_body;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderName, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;

pub use self::logged_body::LoggedBody;
use crate::body::Body;
use crate::compression::{coding_for, compress};
use crate::config::{AccessLogFormat, CurrentServer};
use crate::error;
use crate::forwarded::{Network, Told};
use crate::handlers::{Call, Core, Engine};
use crate::router::{Find, RequestHost, RequestPath};
use crate::site::{Current, Target};
use crate::telemetry::{AccessLog, AccessRecord};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What dispatch needs; one for all cores.
#[derive(Debug)]
pub struct Dispatch {
    site: Arc<Current>,
    engine: Arc<Engine>,
    access_log: AccessLog,
    ready: AtomicBool,
    next_id: AtomicU64,
    settings: Arc<CurrentServer>,
}

/// A request whose head was refused: what could be told of it.
#[derive(Debug)]
pub struct Refused {
    /// The status it is answered with.
    pub status: StatusCode,
    /// What is wrong with it.
    pub detail: String,
    /// The method, where it could be read.
    pub method: Option<Method>,
    /// The target, where it could be read.
    pub target: Option<Uri>,
    /// What the client would like the answer to be.
    pub accept: Option<HeaderValue>,
    /// When its head was begun.
    pub begun: Instant,
}

/// What the answer to a request, and its line in the access log, tell of it.
struct Asked {
    request_id: Arc<str>,
    peer: SocketAddr,
    told: Told,
    method: Option<Method>,
    target: Option<Uri>,
    accept: Option<HeaderValue>,
    start: Instant,
}

/// What is noted of a request on its way, for the access log.
#[derive(Debug, Default)]
struct Notes {
    handler: Option<Arc<str>>,
    route: Option<Arc<str>>,
    detail: Option<String>,
}

impl Dispatch {
    /// Dispatches by the routes of `site`, as `settings` say.
    pub fn new(
        site: Arc<Current>,
        engine: Arc<Engine>,
        access_log: AccessLog,
        settings: Arc<CurrentServer>,
    ) -> Self {
        let ready = AtomicBool::new(true);
        // Ids of two servers, or of one before and after a restart, shall differ.
        let seed = std::time::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_nanos() as u64);
        let next_id = AtomicU64::new(seed ^ u64::from(std::process::id()).rotate_left(40));
        Self { site, engine, access_log, ready, next_id, settings }
    }

    /// Lets `/-/ready` answer 503, at the start of a drain.
    pub fn set_unready(&self) {
        self.ready.store(false, Ordering::Relaxed);
    }

    /// Answers one request on `core`.
    pub async fn dispatch(
        &self,
        core: &Rc<Core>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Response<LoggedBody>, Infallible> {
        let start = Instant::now();
        let told = self.told(&request, peer);
        let request_id = told.request_id.clone().unwrap_or_else(|| self.request_id());
        let method = request.method().clone();
        let target = request.uri().clone();
        let accept = request.headers().get(http::header::ACCEPT).cloned();

        let mut notes = Notes::default();
        let response = self.answer(core, request, &request_id, &told, &mut notes).await;
        let asked =
            Asked { request_id, peer, told, method: Some(method), target: Some(target), accept, start };
        Ok(self.finish(response, asked, notes))
    }

    /// Answers a request on the probes' own listener.
    pub fn answer_probe<B>(&self, request: &Request<B>, peer: SocketAddr) -> Response<LoggedBody> {
        let response = match request.uri().path().strip_prefix("/-/") {
            // Only where the operator has said who may see it.
            Some("metrics") if request.method() == Method::GET => self.metrics(),
            Some(probe) => self.probe(probe, request.method()),
            None => status(StatusCode::NOT_FOUND),
        };
        let asked = Asked {
            request_id: self.request_id(),
            peer,
            told: Told::default(),
            method: Some(request.method().clone()),
            target: Some(request.uri().clone()),
            accept: request.headers().get(http::header::ACCEPT).cloned(),
            start: Instant::now(),
        };
        self.finish(response, asked, Notes::default())
    }

    /// Answers a request whose head was refused before hyper could see it.
    pub fn refuse(&self, refused: Refused, peer: SocketAddr) -> Response<LoggedBody> {
        let Refused { status: code, detail, method, target, accept, begun } = refused;
        let request_id = self.request_id();
        tracing::debug!(%request_id, %peer, %detail, "head refused");
        let told = Told::default();
        let asked = Asked { request_id, peer, told, method, target, accept, start: begun };
        let notes = Notes { detail: Some(detail), ..Notes::default() };
        self.finish(status(code), asked, notes)
    }

    /// Gives a response what every response has.
    fn finish(&self, mut response: Response<Body>, asked: Asked, notes: Notes) -> Response<LoggedBody> {
        let Asked { request_id, peer, told, method, target, accept, start } = asked;
        // A HEAD that was answered for an error page has a length, but no body.
        if response.body().is_empty()
            && !response.headers().contains_key(CONTENT_LENGTH)
            && (response.status().is_client_error() || response.status().is_server_error())
        {
            let mut headers = http::HeaderMap::new();
            headers.extend(accept.map(|accept| (http::header::ACCEPT, accept)));
            let detail = notes.detail.as_deref().filter(|_| self.settings.load().dev);
            error::fill(&mut response, &headers, &request_id, detail);
        }
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        let format = self.settings.load().access_log;
        let record = (format != AccessLogFormat::Off).then(|| AccessRecord {
            format,
            request_id,
            peer,
            client: told.client,
            scheme: told.scheme,
            authority: told.authority,
            method,
            target,
            status: response.status().as_u16(),
            bytes: 0,
            duration: start.elapsed(),
            handler: notes.handler,
            route: notes.route,
            complete: false,
        });
        let log = record.map(|record| Box::new((self.access_log.clone(), record)));
        response.map(|body| LoggedBody { body, log, start })
    }

    /// What the peer tells of the request, if it is a proxy that is trusted.
    fn told(&self, request: &Request<Incoming>, peer: SocketAddr) -> Told {
        let settings = self.settings.load();
        let proxies = &settings.trusted_proxies;
        match Network::any_has(proxies, peer.ip()) {
            true => Told::read(request.headers(), proxies),
            false => Told::default(),
        }
    }

    async fn answer(
        &self,
        core: &Rc<Core>,
        mut request: Request<Incoming>,
        request_id: &Arc<str>,
        told: &Told,
        notes: &mut Notes,
    ) -> Response<Body> {
        let authority = match head::check(&request) {
            Ok(authority) => told.authority.clone().unwrap_or(authority),
            Err(reason) => {
                notes.detail = Some(reason.to_owned());
                return status(StatusCode::BAD_REQUEST);
            }
        };
        // RFC 9110, section 10.1.1
        let expected = request.headers().get(EXPECT).map(HeaderValue::as_bytes);
        if expected.is_some_and(|expected| !expected.eq_ignore_ascii_case(b"100-continue")) {
            return status(StatusCode::EXPECTATION_FAILED);
        }
        if request.method() == Method::OPTIONS && request.uri().path() == "*" {
            return status(StatusCode::NO_CONTENT);
        }
        let uri = request.uri().clone();
        if let Some(probe) = uri.path().strip_prefix("/-/") {
            return match self.settings.load().probes {
                None => self.probe(probe, request.method()),
                Some(_) => status(StatusCode::NOT_FOUND),
            };
        }
        let path = match RequestPath::parse(uri.path()) {
            Ok(path) => path,
            Err(error) => {
                notes.detail = Some(error.to_string());
                return status(StatusCode::BAD_REQUEST);
            }
        };
        let site = self.site.load_full();
        let host = RequestHost::new(&authority);
        let found = match site.table().find(request.method(), &host, &path) {
            Find::Found(found) => found,
            Find::NotFound => return status(StatusCode::NOT_FOUND),
            Find::Redirect(path) => return redirect(path, uri.query()),
            Find::MethodNotAllowed(allow) => {
                let code = match *request.method() {
                    Method::OPTIONS => StatusCode::NO_CONTENT,
                    _ => StatusCode::METHOD_NOT_ALLOWED,
                };
                return with_allow(code, &allow);
            }
        };
        notes.route = Some(found.route.pattern.pattern.shared());
        // Who answers may take the request's head.
        let compression = found.target().compression().map(|config| (coding_for(request.headers()), config));
        let response = match found.target() {
            Target::Mount(mount) => {
                let (parts, _) = request.into_parts();
                let trailing_slash = uri.path().ends_with('/');
                mount.serve(&parts, &found.tail(), trailing_slash).await
            }
            Target::Answer(answer) => answer.response(found.values(), uri.query()),
            Target::Unavailable { handler } => {
                notes.handler = Some(handler.as_str().into());
                notes.detail = Some(format!("handler {handler} is not loaded; see the log"));
                status(StatusCode::SERVICE_UNAVAILABLE)
            }
            Target::Handler { handler, name } => {
                notes.handler = Some(handler.shared_name());
                told.write(request.headers_mut());
                if let Some(scheme) = &told.scheme {
                    request.extensions_mut().insert(scheme.clone());
                }
                let call = Call {
                    request,
                    authority: authority.clone(),
                    route: Target::matched_route(name, &found),
                    request_id: request_id.clone(),
                };
                // Boxed, so that requests for files, whose future is small without
                // it, do not copy the room for it about.
                match Box::pin(core.call(handler, call)).await {
                    Ok(response) => response,
                    Err(error) => {
                        error.log(handler.name(), request_id);
                        notes.detail = Some(error.detail());
                        let mut response = status(error.status());
                        response.headers_mut().extend(error.retry_after().map(retry_after));
                        response
                    }
                }
            }
        };
        match compression {
            Some((coding, config)) => compress(response, coding, config),
            None => response,
        }
    }

    fn metrics(&self) -> Response<Body> {
        let mut response = Response::new(Body::full(self.engine.metrics()));
        let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        response
    }

    fn probe(&self, probe: &str, method: &Method) -> Response<Body> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return with_allow(StatusCode::METHOD_NOT_ALLOWED, &[Method::GET, Method::HEAD]);
        }
        match probe {
            "live" => Response::new(Body::full("live\n")),
            "ready" if self.ready.load(Ordering::Relaxed) => Response::new(Body::full("ready\n")),
            "ready" => status(StatusCode::SERVICE_UNAVAILABLE),
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    /// Unique; looks random because the counter is mixed (splitmix64).
    fn request_id(&self) -> Arc<str> {
        let mut id = self.next_id.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        id ^= id >> 31;
        let digits: [u8; 16] = std::array::from_fn(|digit| {
            let value = (id >> (60 - 4 * digit)) as usize & 15;
            b"0123456789abcdef".get(value).copied().unwrap_or_default()
        });
        std::str::from_utf8(&digits).unwrap_or_default().into()
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// To the canonical form of the path, keeping the query (RFC 9110, section 15.4.9).
fn redirect(mut path: String, query: Option<&str>) -> Response<Body> {
    if let Some(query) = query {
        path.push('?');
        path.push_str(query);
    }
    let mut response = status(StatusCode::PERMANENT_REDIRECT);
    response.headers_mut().extend(HeaderValue::try_from(path).ok().map(|path| (LOCATION, path)));
    response
}

/// In whole seconds, rounded up (RFC 9110, section 10.2.3).
fn retry_after(time: Duration) -> (HeaderName, HeaderValue) {
    (RETRY_AFTER, HeaderValue::from(time.as_millis().div_ceil(1000) as u64))
}

fn with_allow(code: StatusCode, methods: &[Method]) -> Response<Body> {
    let mut response = status(code);
    let list = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    response.headers_mut().extend(HeaderValue::try_from(list).ok().map(|list| (ALLOW, list)));
    response
}
