//! A call that has failed, as its author wants to see it: what the code has said, where it was, and what
//! it has logged.

use http::Response;
use http::header::RETRY_AFTER;

use super::desk::Desk;
use super::pages;
use super::panic;
use super::trace::places;
use crate::body::Body;
use crate::handlers::CallError;
use crate::telemetry::RecentLine;

/// Lines of the log that are shown.
const MOST_LINES: usize = 200;

/// The request that has failed.
pub(super) struct Request<'a> {
    /// Its path.
    pub(super) shown: &'a str,
    pub(super) id: &'a str,
    /// The version that the page is of; none where it must not be asked for again.
    pub(super) version: Option<&'a str>,
}

/// The page in the place of `response`; `lines` are what was logged since it was asked for.
pub(super) fn page(
    desk: &Desk,
    failure: &CallError,
    request: &Request<'_>,
    response: Response<Body>,
    lines: &[RecentLine],
) -> Response<Body> {
    let own: Vec<&RecentLine> = lines.iter().filter(|line| line.is_of(request.id)).collect();
    let panic = panic::find(own.iter().map(|line| &*line.text));
    let (frames, trace) = match failure {
        // What comes after the guest's is the server's own.
        CallError::Trapped { frames, trace, .. } => (&frames[..], trace.split("\n\nStack backtrace:").next()),
        _ => (&[][..], None),
    };
    let place = panic.as_ref().and_then(|panic| panic.place.as_ref()).map(|(file, line)| (&**file, *line));
    let places = places(desk.root(), place, frames);
    let first = own.len().saturating_sub(MOST_LINES);
    let lines: Vec<_> =
        own.iter().skip(first).map(|line| (line.level.to_string(), line.text.clone())).collect();
    let what = failure.to_string();
    let failed = pages::Failed {
        status: failure.status(),
        what: &what,
        said: panic.as_ref().map(|panic| &*panic.message),
        places: &places,
        lines: &lines,
        trace,
        request: request.shown,
        request_id: request.id,
    };
    let mut page = pages::failed(&failed, request.version);
    let again = response.headers().get(RETRY_AFTER).cloned();
    page.headers_mut().extend(again.map(|again| (RETRY_AFTER, again)));
    page
}
