//! From one request to one response and one access-log line. Never fails.
//!
//! In: a request that hyper has parsed. Here: its id, the probes, the router, the
//! target; every failure becomes a response through [`crate::error`]. Out: a
//! response whose body writes the access-log line when it ends.

mod head;
mod logged_body;
mod plain;
mod probes;
mod request_id;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{ACCEPT, CONTENT_LENGTH, EXPECT, HeaderName, STRICT_TRANSPORT_SECURITY};
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::ext::ReasonPhrase;

use self::logged_body::Line;
pub use self::logged_body::{LoggedBody, Unsent};
use self::plain::{hsts, redirect, retry_after, status, to_https, with_allow};
use self::probes::Probes;
use self::request_id::RequestIds;
use crate::body::Body;
use crate::clients::Clients;
use crate::coding::Coding;
use crate::compression::{coding_for, compress};
use crate::config::{AccessLogFormat, CompressionConfig, CurrentServer, Rate, ServerConfig};
use crate::dev::{Answered, Ask, Desk};
use crate::error;
use crate::forwarded::{Network, Told};
use crate::handlers::{Call, CallError, Core, Engine, Handler};
use crate::readiness::Readiness;
use crate::router::{Find, RequestHost, RequestPath};
use crate::site::{Current, Site, Target};
use crate::static_files::Served;
use crate::telemetry::{AccessLog, AccessRecord};
use crate::tls::Session;
use crate::upload::Upload;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What dispatch needs; one for all cores.
#[derive(Debug)]
pub struct Dispatch {
    site: Arc<Current>,
    access_log: AccessLog,
    settings: Arc<CurrentServer>,
    probes: Probes,
    ids: RequestIds,
    clients: Clients,
    /// Who serves this to who develops it; none but in the development server.
    desk: Option<Arc<Desk>>,
}

/// What the settings say of one request. They are read when it begins, so that all of
/// it goes by the same ones, also where a reload replaces them meanwhile.
#[derive(Debug, Clone, Copy)]
struct Rules {
    /// Whether the probes are answered among other requests.
    has_probes: bool,
    /// Whether clients see what went wrong.
    shows_details: bool,
    access_log: AccessLogFormat,
    /// Whether that has lines of probes and of own requests.
    logs_all: bool,
    /// For how many seconds clients are to ask by `https` only; nothing is said of it where 0.
    hsts_seconds: u32,
    /// Who asks, and how fast that may be; none where there is no limit.
    rate: Option<(IpAddr, Rate)>,
}

/// What the access log has for a status where the client has left before there was one, as
/// nginx has it.
const CLIENT_LEFT: u16 = 499;

/// A request whose head was refused: what could be told of it.
#[derive(Debug)]
pub struct Refused {
    /// The status it is answered with.
    pub status: StatusCode,
    /// What is wrong with it.
    pub detail: String,
    /// Whether whoever asks is told, also where details are not shown.
    pub is_shown: bool,
    /// The method, where it could be read.
    pub method: Option<Method>,
    /// The target, where it could be read.
    pub target: Option<Uri>,
    /// What the client would like the answer to be.
    pub accept: Option<HeaderValue>,
    /// When its head was begun.
    pub begun: Instant,
}

/// What is kept of a request beside it: who answers it takes the head and the body, and
/// the response and the line of the access log tell of them at the end.
struct Asked {
    rules: Rules,
    request_id: Arc<str>,
    peer: SocketAddr,
    told: Told,
    accept: Option<HeaderValue>,
}

/// What is noted of a request on its way. Where that ends before there is an answer, since
/// the client has left, it is noted all the same.
#[derive(Debug)]
struct Notes {
    line: Line,
    detail: Option<String>,
    /// Whether the answer is a handler's own, which gets no body of the server's.
    is_handlers: bool,
}

/// Who answers a request. What is only needed to find out is gone when the answer is waited
/// for.
enum Way<'s> {
    /// Nobody else.
    Here(Response<Body>),
    Mount(Served),
    // Boxed, so that requests for files, whose future is small without it, do not copy the
    // room for it about.
    Handler(&'s Arc<Handler>, Pin<Box<dyn Future<Output = Result<Response<Body>, CallError>> + 's>>),
}

impl Dispatch {
    /// Dispatches by the routes of `site`, as `settings` say.
    pub fn new(
        site: Arc<Current>,
        engine: Arc<Engine>,
        access_log: AccessLog,
        settings: Arc<CurrentServer>,
        readiness: Arc<Readiness>,
    ) -> Self {
        let probes = Probes::new(engine, readiness);
        let (ids, clients) = (RequestIds::new(), Clients::default());
        Self { site, access_log, settings, probes, ids, clients, desk: None }
    }

    /// The same for who develops what is served.
    #[must_use]
    pub fn at(self, desk: Option<Arc<Desk>>) -> Self {
        Self { desk, ..self }
    }

    /// Lets `/-/ready` answer 503, at the start of a drain.
    pub fn set_unready(&self) {
        self.probes.end();
    }

    /// Answers one request on `core`.
    // No `async fn`, nor is [`answer`](Self::answer): their futures would keep the request
    // beside what is made of it, and hyper copies them to where they run.
    pub fn dispatch(
        &self,
        core: &Rc<Core>,
        mut request: Request<Upload>,
        peer: SocketAddr,
    ) -> impl Future<Output = Result<Response<LoggedBody>, Infallible>> {
        let start = Instant::now();
        let site = self.site.load_full();
        let (rules, told) = {
            let settings = self.settings.load();
            let told = told(&settings.trusted_proxies, &request, peer);
            let mut rules = Rules::of(&settings);
            // A client that a proxy hides cannot be told from others.
            let client = if told.by_proxy { told.client } else { Some(peer.ip()) };
            rules.rate = client.and_then(|client| Some((client, settings.clients.rate(client)?)));
            (rules, told)
        };
        let request_id = told.request_id.clone().unwrap_or_else(|| self.ids.next());
        let asked = Asked { rules, request_id, peer, told, accept: request.headers().get(ACCEPT).cloned() };
        let head = || (Some(request.method().clone()), Some(request.uri().clone()));
        let is_quiet = asked.told.caller.is_some() || request.uri().path().starts_with("/-/");
        let mut notes =
            Notes { line: self.line(&asked, head, start, is_quiet), detail: None, is_handlers: false };
        let desk = self.desk.as_ref().filter(|_| asked.told.caller.is_none());
        let ask = desk.map(|desk| desk.ask(&mut request));
        async move {
            let response = self.answer(core, &site, request, &asked, &mut notes, ask).await;
            Ok(self.finish(response, asked, notes))
        }
    }

    /// Answers a request on the probes' own listener.
    pub fn answer_probe<B>(&self, request: &Request<B>, peer: SocketAddr) -> Response<LoggedBody> {
        let response = match request.uri().path().strip_prefix("/-/") {
            Some(probe) => self.probes.answer_apart(probe, request.method()),
            None => status(StatusCode::NOT_FOUND),
        };
        let asked = Asked {
            rules: Rules::of(&self.settings.load()),
            request_id: self.ids.next(),
            peer,
            told: Told::default(),
            accept: request.headers().get(ACCEPT).cloned(),
        };
        let head = || (Some(request.method().clone()), Some(request.uri().clone()));
        let line = self.line(&asked, head, Instant::now(), true);
        self.finish(response, asked, Notes { line, detail: None, is_handlers: false })
    }

    /// Answers a request whose head was refused before hyper could see it.
    pub fn refuse(&self, refused: Refused, peer: SocketAddr) -> Response<LoggedBody> {
        let Refused { status: code, detail, is_shown, method, target, accept, begun } = refused;
        let (mut rules, request_id) = (Rules::of(&self.settings.load()), self.ids.next());
        rules.shows_details |= is_shown;
        tracing::debug!(%request_id, %peer, %detail, "head refused");
        let told = Told::default();
        let asked = Asked { rules, request_id, peer, told, accept };
        let notes = Notes {
            line: self.line(&asked, || (method, target), begun, false),
            detail: Some(detail),
            is_handlers: false,
        };
        self.finish(status(code), asked, notes)
    }

    /// Gives a response what every response has.
    fn finish(&self, mut response: Response<Body>, asked: Asked, notes: Notes) -> Response<LoggedBody> {
        let Asked { rules, request_id, accept, told, .. } = asked;
        let Notes { mut line, detail, is_handlers } = notes;
        // A HEAD that was answered for an error page has a length, but no body.
        if !is_handlers
            && response.body().is_empty()
            && !response.headers().contains_key(CONTENT_LENGTH)
            && (response.status().is_client_error() || response.status().is_server_error())
        {
            let mut headers = http::HeaderMap::new();
            headers.extend(accept.map(|accept| (ACCEPT, accept)));
            let detail = detail.as_deref().filter(|_| rules.shows_details);
            error::fill(&mut response, &headers, &request_id, detail);
        }
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        // RFC 6797, section 7.2: not to who asks without TLS.
        if rules.hsts_seconds > 0 && told.scheme == Some(Scheme::HTTPS) {
            response
                .headers_mut()
                .entry(STRICT_TRANSPORT_SECURITY)
                .or_insert_with(|| hsts(rules.hsts_seconds));
        }
        // It may be empty (RFC 9112, section 4); hyper would make `<none>` of it.
        if response.status().canonical_reason().is_none() {
            response.extensions_mut().insert(ReasonPhrase::from_static(b""));
        }
        line.answer(response.status());
        let length = response.headers().get(CONTENT_LENGTH).filter(|_| response.body().is_streaming());
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        response.map(|body| LoggedBody::new(body, line, length))
    }

    /// The line of the access log, as far as it is known; `head` gives method and target. One
    /// that is quiet is not to be written where the request goes well.
    fn line(
        &self,
        Asked { rules, request_id, peer, told, .. }: &Asked,
        head: impl FnOnce() -> (Option<Method>, Option<Uri>),
        start: Instant,
        is_quiet: bool,
    ) -> Line {
        let record = (rules.access_log != AccessLogFormat::Off).then(|| {
            let (method, target) = head();
            AccessRecord {
                format: rules.access_log,
                request_id: request_id.clone(),
                peer: *peer,
                client: told.client,
                scheme: told.scheme.clone(),
                authority: told.authority.clone(),
                method,
                target,
                status: CLIENT_LEFT,
                bytes: 0,
                duration: Duration::ZERO,
                handler: None,
                route: None,
                caller: told.caller.clone(),
                complete: false,
            }
        });
        let log = record.map(|record| (self.access_log.clone(), record));
        Line::new(log, start, is_quiet && !rules.logs_all)
    }

    /// Answers a request, and notes what becomes of it.
    fn answer<'s>(
        &self,
        core: &'s Rc<Core>,
        site: &'s Site,
        request: Request<Upload>,
        asked: &Asked,
        notes: &mut Notes,
        mut ask: Option<Box<Ask>>,
    ) -> impl Future<Output = Response<Body>> {
        let (way, compression) = match ask.as_mut().and_then(|ask| ask.own()) {
            Some(response) => (Way::Here(response), None),
            None => self.way(core, site, request, asked, notes),
        };
        async move {
            let (response, failure) = match way {
                Way::Here(response) => (response, None),
                Way::Mount(served) => (served.await, None),
                Way::Handler(handler, answer) => match answer.await {
                    Ok(response) => {
                        notes.is_handlers = true;
                        (response, None)
                    }
                    Err(error) => {
                        error.log(handler.name(), &asked.request_id);
                        notes.detail = Some(error.detail());
                        let mut response = status(error.status());
                        response.headers_mut().extend(error.retry_after().map(retry_after));
                        (response, Some(error))
                    }
                },
            };
            let response = match ask {
                None => response,
                Some(ask) => ask.answered(Answered {
                    response,
                    failure: failure.as_ref(),
                    is_handlers: notes.is_handlers,
                    detail: notes.detail.as_deref().filter(|_| asked.rules.shows_details),
                    request_id: &asked.request_id,
                }),
            };
            match compression {
                Some((coding, config)) => compress(response, coding, config),
                None => response,
            }
        }
    }

    /// Who answers, and how the answer is to be compressed.
    fn way<'s>(
        &self,
        core: &'s Rc<Core>,
        site: &'s Site,
        mut request: Request<Upload>,
        asked: &Asked,
        notes: &mut Notes,
    ) -> (Way<'s>, Option<(Option<Coding>, &'s CompressionConfig)>) {
        let Asked { rules, told, request_id, .. } = asked;
        let here = |response| (Way::Here(response), None);
        let authority = match head::check(&request) {
            Ok(authority) => told.authority.clone().unwrap_or(authority),
            Err(reason) => {
                notes.detail = Some(reason.to_owned());
                return here(status(StatusCode::BAD_REQUEST));
            }
        };
        if let Some(ToHttps(port)) = request.extensions().get() {
            return here(to_https(&authority, *port, request.uri()));
        }
        // RFC 9110, section 10.1.1
        let expected = request.headers().get(EXPECT).map(HeaderValue::as_bytes);
        if expected.is_some_and(|expected| !expected.eq_ignore_ascii_case(b"100-continue")) {
            return here(status(StatusCode::EXPECTATION_FAILED));
        }
        if request.method() == Method::OPTIONS && request.uri().path() == "*" {
            return here(status(StatusCode::NO_CONTENT));
        }
        let uri = request.uri().clone();
        if let Some(probe) = uri.path().strip_prefix("/-/") {
            return here(match rules.has_probes {
                true => self.probes.answer(probe, request.method()),
                false => status(StatusCode::NOT_FOUND),
            });
        }
        if let (Some((client, rate)), None) = (rules.rate, &told.caller)
            && let Err(wait) = self.clients.ask(client, rate, Instant::now())
        {
            notes.detail = Some("more than clients.requests_per_second of one client".to_owned());
            let mut response = status(StatusCode::TOO_MANY_REQUESTS);
            response.headers_mut().extend([retry_after(wait)]);
            return here(response);
        }
        let path = match RequestPath::parse(uri.path()) {
            Ok(path) => path,
            Err(error) => {
                notes.detail = Some(error.to_string());
                return here(status(StatusCode::BAD_REQUEST));
            }
        };
        let host = RequestHost::new(&authority);
        let found = match site.table().find(request.method(), &host, &path) {
            Find::Found(found) => found,
            Find::NotFound => return here(status(StatusCode::NOT_FOUND)),
            Find::Redirect(path) => return here(redirect(path, uri.query())),
            Find::MethodNotAllowed(allow) => {
                let code = match *request.method() {
                    Method::OPTIONS => StatusCode::NO_CONTENT,
                    _ => StatusCode::METHOD_NOT_ALLOWED,
                };
                return here(with_allow(code, &allow));
            }
        };
        notes.line.set_route(found.route.pattern.pattern.shared());
        let target: &'s Target = &found.route.target;
        // Who answers may take the request's head.
        let compression = target.compression().map(|config| (coding_for(request.headers()), config));
        let way = match target {
            Target::Mount(mount) => {
                let trailing_slash = uri.path().ends_with('/');
                let (parts, _) = request.into_parts();
                Way::Mount(mount.serve(&parts, &found.tail(), trailing_slash))
            }
            Target::Answer(answer) => Way::Here(answer.response(found.values(), uri.query())),
            Target::Unavailable { handler } => {
                notes.line.set_handler(handler.as_str().into());
                notes.detail = Some(format!("handler {handler} is not loaded; see the log"));
                Way::Here(status(StatusCode::SERVICE_UNAVAILABLE))
            }
            Target::Handler { handler, name, declared } => {
                notes.line.set_handler(handler.shared_name());
                head::to_origin_form(&mut request);
                told.write(request.headers_mut());
                if let Some(scheme) = &told.scheme {
                    request.extensions_mut().insert(scheme.clone());
                }
                let id = declared.id(request.method());
                let call = Call {
                    request,
                    client: asked.client(),
                    authority: authority.clone(),
                    route: Target::matched_route(name, id, &found),
                    request_id: request_id.clone(),
                };
                Way::Handler(handler, core.call(handler, call))
            }
        };
        (way, compression)
    }
}

impl Asked {
    /// Who asks: the peer, or whom a trusted proxy names.
    fn client(&self) -> Option<SocketAddr> {
        match self.told.by_proxy {
            true => self.told.client.map(|client| SocketAddr::new(client, 0)),
            false => Some(self.peer),
        }
    }
}

impl Rules {
    fn of(settings: &ServerConfig) -> Self {
        Self {
            has_probes: settings.probes.is_none(),
            shows_details: settings.dev,
            access_log: settings.access_log,
            logs_all: settings.access_log_of_all,
            hsts_seconds: settings.hsts_seconds,
            rate: None,
        }
    }
}

/// An extension of each request that a handler of this server sends to it. Whatever address
/// stands for such a peer, it is no proxy.
#[derive(Debug, Clone, Copy)]
pub struct Own;

/// An extension of each request that is to be asked at this port by `https` instead.
#[derive(Debug, Clone, Copy)]
pub struct ToHttps(pub u16);

/// What the peer tells of the request, if it is one of the proxies that are trusted, or a
/// handler of this server.
fn told(proxies: &[Network], request: &Request<Upload>, peer: SocketAddr) -> Told {
    if request.extensions().get::<Own>().is_some() {
        return Told::read_own(request.headers());
    }
    let mut told = match Network::any_has(proxies, peer.ip()) {
        true => Told::read(request.headers(), proxies),
        false => Told::default(),
    };
    if told.scheme.is_none() && request.extensions().get::<Session>().is_some() {
        told.scheme = Some(Scheme::HTTPS);
    }
    told
}
