//! What open pages listen to: server-sent events, each the name of the version that is served.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use super::desk::Desk;
use crate::body::Body;

/// How often something is sent where nothing happens, so that who has left is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The version of this moment, and each that comes.
pub(super) fn events(desk: Arc<Desk>) -> Response<Body> {
    let watch = desk.watch();
    let events = stream::unfold((desk, watch, true), |(desk, mut watch, is_first)| async move {
        let event = if is_first {
            format!("retry: 500\ndata: {}\n\n", desk.named(&watch.borrow_and_update()))
        } else {
            match tokio::time::timeout(HEARTBEAT, watch.changed()).await {
                Ok(Ok(())) => format!("data: {}\n\n", desk.named(&watch.borrow_and_update())),
                Ok(Err(_)) => return None,
                Err(_) => ":\n\n".to_owned(),
            }
        };
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(event))), (desk, watch, false)))
    });
    let body = StreamBody::new(Box::pin(events)).map_err(|never| match never {});
    let mut response = Response::new(Body::stream(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
