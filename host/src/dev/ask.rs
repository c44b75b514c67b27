//! One request to the development server: what it answers itself, and what it does with the answer
//! of others.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST,
    HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use super::answer::{Answer, Content};
use super::desk::Desk;
use super::events::events;
use super::failed;
use super::inject::{Injected, inject};
use super::keep::Kept;
use super::navigation::{ask_whole, is_local, is_page};
use super::pages;
use super::tee::Tee;
use crate::body::Body;
use crate::error;
use crate::handlers::CallError;

/// What it answers itself lies below this.
const OWN: &str = "/-/dev/";

/// What a request that is kept is not sent with again: what holds for one connection, one message,
/// or what a client had already.
const NOT_KEPT: [HeaderName; 12] = [
    ACCEPT_ENCODING,
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
    TRANSFER_ENCODING,
    HeaderName::from_static("x-request-id"),
];

/// A request of somebody who is no handler of this server's.
#[derive(Debug)]
pub struct Ask {
    desk: Arc<Desk>,
    own: Option<Response<Body>>,
    /// Whether a browser is to show the answer.
    is_page: bool,
    /// Whether to ask for it again changes nothing.
    is_safe: bool,
    accept: Option<HeaderValue>,
    shown: String,
    kept: Option<Kept>,
    /// Which version the answer is of.
    version: String,
    /// The lines that were logged before.
    lines: u64,
}

/// What came of a request.
pub struct Answered<'a> {
    /// The answer, or what there is of it.
    pub response: Response<Body>,
    /// Why the handler gave none.
    pub failure: Option<&'a CallError>,
    /// Whether it is a handler's own.
    pub is_handlers: bool,
    /// What else is known of why there is none.
    pub detail: Option<&'a str>,
    /// The request's.
    pub request_id: &'a str,
}

impl Desk {
    /// Looks at `request`, before it goes its way.
    pub fn ask<B>(self: &Arc<Self>, request: &mut Request<B>) -> Box<Ask> {
        let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
        let sees = self.options.is_public || is_local(request);
        let is_page = sees && is_page(request.headers());
        let mut own = sees.then(|| self.own(request)).flatten();
        let is_own = own.is_some() || request.uri().path().starts_with("/-/");
        if let Some(trouble) = self.trouble().filter(|_| is_page && is_safe && !is_own) {
            own = Some(pages::trouble(&trouble, &self.version()));
        }
        let is_kept = self.keep.is_on() && own.is_none() && !is_own && is_safe;
        let kept = is_kept.then(|| kept(request));
        if is_page {
            ask_whole(request.headers_mut());
        }
        Box::new(Ask {
            is_page: is_page && own.is_none(),
            own,
            is_safe,
            accept: request.headers().get(ACCEPT).cloned(),
            shown: request.uri().path().to_owned(),
            kept,
            version: self.version(),
            lines: self.recent.count(),
            desk: self.clone(),
        })
    }

    /// What it answers itself.
    fn own<B>(self: &Arc<Self>, request: &Request<B>) -> Option<Response<Body>> {
        match (request.method(), request.uri().path().strip_prefix(OWN)?) {
            (&Method::GET, "events") => Some(events(self.clone())),
            (&Method::GET, "reload.js") => {
                let mut response = Response::new(Body::full(include_str!("reload.js")));
                let media_type = HeaderValue::from_static("text/javascript; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, media_type);
                response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                Some(response)
            }
            _ => None,
        }
    }
}

impl Ask {
    /// The answer, where nobody else is asked for it.
    pub fn own(&mut self) -> Option<Response<Body>> {
        self.own.take()
    }

    /// What the client gets of what came of it.
    pub fn answered(mut self: Box<Self>, answered: Answered<'_>) -> Response<Body> {
        let Answered { response, failure, is_handlers, detail, request_id } = answered;
        let response = match self.kept.take() {
            Some(kept) => self.keep(kept, response, failure, is_handlers),
            None => response,
        };
        if !self.is_page {
            return response;
        }
        if let Some(failure) = failure {
            let lines = self.desk.recent.since(self.lines);
            let version = self.is_safe.then_some(&*self.version);
            let request = failed::Request { shown: &self.shown, id: request_id, version };
            return failed::page(&self.desk, failure, &request, response, &lines);
        }
        self.reloading(response, is_handlers, detail, request_id)
    }

    /// A page that reloads itself, where it can be one.
    fn reloading(
        &self,
        mut response: Response<Body>,
        is_handlers: bool,
        detail: Option<&str>,
        request_id: &str,
    ) -> Response<Body> {
        // Its form would be asked for again, and sent.
        if !self.is_safe {
            return response;
        }
        if !is_handlers && response.body().is_empty() && is_error(response.status()) {
            let headers = HeaderMap::from_iter(self.accept.clone().map(|accept| (ACCEPT, accept)));
            error::fill(&mut response, &headers, request_id, detail);
        }
        match inject(response, &self.version) {
            Injected::Done(response) | Injected::NoPage(response) => response,
            Injected::Left(response, why) => {
                if self.desk.is_news(&self.shown) {
                    tracing::warn!("{} does not reload by itself: {why}", self.shown);
                }
                response
            }
        }
    }

    /// Keeps what is answered, as it is sent.
    fn keep(
        &self,
        kept: Kept,
        response: Response<Body>,
        failure: Option<&CallError>,
        is_handlers: bool,
    ) -> Response<Body> {
        let is_of_handler = is_handlers || failure.is_some();
        let why = failure.map(ToString::to_string);
        let answer = Answer::new(response.status(), response.headers(), why);
        let keep = self.desk.keep.clone();
        let add = move |body| keep.add(kept, Answer { body, ..answer }, is_of_handler);
        if response.body().is_empty() {
            add(Content::of(&Bytes::new()));
            return response;
        }
        match response.body().bytes() {
            Some(bytes) => add(Content::of(bytes)),
            None => return response.map(|body| Tee::of(body, add)),
        }
        response
    }
}

/// The head of `request`, as it can be sent again.
fn kept<B>(request: &Request<B>) -> Kept {
    let mut headers = request.headers().clone();
    NOT_KEPT.iter().for_each(|name| _ = headers.remove(name));
    if !headers.contains_key(HOST)
        && let Some(authority) = request.uri().authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        headers.insert(HOST, host);
    }
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
    Kept { method: request.method().clone(), target, headers, body: Bytes::new() }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}
