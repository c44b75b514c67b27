//! A page with the script that reloads it. Only what is whole and plain is changed; what says how
//! long it is, or which, is not true of it any more and is left out.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderName, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};

use super::csp;
use crate::body::{Body, BodyError};

/// Digests of the content, or of a representation (RFC 9530).
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// What became of a page.
pub(super) enum Injected {
    /// It reloads itself.
    Done(Response<Body>),
    /// It is no page.
    NoPage(Response<Body>),
    /// It has to be left as it is, for this reason.
    Left(Response<Body>, &'static str),
}

/// Adds the script, for a page of this `version`.
pub(super) fn inject(response: Response<Body>, version: &str) -> Injected {
    let headers = response.headers();
    if !is_html(headers) || has_no_content(response.status()) {
        return Injected::NoPage(response);
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Injected::Left(response, "it is compressed, though that was not asked for");
    }
    if response.status() == StatusCode::PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE) {
        return Injected::Left(response, "it is only a part, though that was not asked for");
    }
    if !csp::allows_own_script(headers) {
        return Injected::Left(
            response,
            "its Content-Security-Policy does not allow scripts of its own origin, or that they connect there",
        );
    }
    let script = Bytes::from(script(version));
    let (mut head, body) = response.into_parts();
    for name in [CONTENT_LENGTH, ETAG, LAST_MODIFIED, ACCEPT_RANGES].iter().chain(&DIGESTS) {
        head.headers.remove(name);
    }
    head.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let body = match body.bytes() {
        Some(bytes) => Body::full(before_end(bytes, &script)),
        // To HEAD.
        None if body.is_empty() => Body::empty(),
        None => Body::stream(Longer { body, script: Some(script), trailers: None }),
    };
    Injected::Done(Response::from_parts(head, body))
}

/// The element that reloads a page.
pub(super) fn script(version: &str) -> String {
    format!("<script src=\"/-/dev/reload.js\" data-version=\"{version}\"></script>\n")
}

fn is_html(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.to_ascii_lowercase();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    // The script is in ASCII.
    essence == "text/html" && !media_type.contains("utf-16")
}

fn has_no_content(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::RESET_CONTENT)
}

/// `page` with `script` before the last `</body>`, or at its end where there is none.
fn before_end(page: &Bytes, script: &[u8]) -> Bytes {
    const END: &[u8] = b"</body>";
    let is_end = |window: &[u8]| window.eq_ignore_ascii_case(END);
    let at = page.windows(END.len()).rposition(is_end).unwrap_or(page.len());
    let (before, after) = page.split_at(at);
    [before, script, after].concat().into()
}

/// A page that is sent as it is made, whose end is only known when it is there: browsers take a
/// script after the end of a body for the last of it (HTML, section 13.2.6.4.20).
struct Longer {
    body: Body,
    /// None once it was sent.
    script: Option<Bytes>,
    trailers: Option<Frame<Bytes>>,
}

impl http_body::Body for Longer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.script.is_none() {
            return Poll::Ready(self.trailers.take().map(Ok));
        }
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) if frame.is_trailers() => {
                self.trailers = Some(frame);
                Poll::Ready(self.script.take().map(Frame::data).map(Ok))
            }
            Some(frame) => Poll::Ready(Some(frame)),
            None => Poll::Ready(self.script.take().map(Frame::data).map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.script.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let more = self.script.as_ref().map_or(0, Bytes::len) as u64;
        let mut hint = self.body.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(more));
        }
        hint.set_lower(hint.lower().saturating_add(more));
        hint
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    fn page(body: Body, fields: &[(&'static str, &'static str)]) -> Response<Body> {
        let mut response = Response::new(body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        for (name, value) in fields {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        response
    }

    async fn text(injected: Injected) -> String {
        let (Injected::Done(response) | Injected::NoPage(response) | Injected::Left(response, _)) = injected;
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn it_stands_before_the_last_end_of_a_body() {
        let script = script("1");
        for (before, expected) in [
            ("<p>a</p>", format!("<p>a</p>{script}")),
            ("<body>a</BODY></html>", format!("<body>a{script}</BODY></html>")),
            ("<script>'</body>'</script></body>", format!("<script>'</body>'</script>{script}</body>")),
        ] {
            let fields = [("content-length", "7"), ("etag", "\"x\""), ("cache-control", "max-age=9")];
            let Injected::Done(response) = inject(page(Body::full(before), &fields), "1") else { panic!() };
            let left: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
            assert_eq!(left, ["content-type", "cache-control"]);
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
            assert_eq!(text(Injected::Done(response)).await, expected);
        }
    }

    #[tokio::test]
    async fn a_stream_has_it_at_its_end_and_keeps_its_trailers() {
        let trailers: HeaderMap = [(ETAG, "\"x\"".parse().unwrap())].into_iter().collect();
        let frames =
            [Frame::data(Bytes::from("<p>a")), Frame::data(Bytes::from("</p>")), Frame::trailers(trailers)];
        let body = StreamBody::new(stream::iter(frames.map(Ok::<_, BodyError>)));
        let Injected::Done(response) = inject(page(Body::stream(body), &[]), "1") else { panic!() };
        let collected = response.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()[ETAG], "\"x\"");
        assert_eq!(collected.to_bytes(), format!("<p>a</p>{}", script("1")));
    }

    #[tokio::test]
    async fn what_cannot_be_changed_is_left_alone() {
        for fields in [
            [("content-encoding", "gzip")],
            [("content-range", "bytes 0-1/2")],
            [("content-security-policy", "default-src 'none'")],
        ] {
            let left = inject(page(Body::full("<p>"), &fields), "1");
            assert!(matches!(left, Injected::Left(..)), "{fields:?}");
            assert_eq!(text(left).await, "<p>");
        }
        for fields in [[("content-type", "application/json")], [("content-type", "text/html;charset=UTF-16")]]
        {
            assert!(
                matches!(inject(page(Body::full("<p>"), &fields), "1"), Injected::NoPage(_)),
                "{fields:?}"
            );
        }
        let Injected::Done(head) = inject(page(Body::absent(5), &[("content-length", "5")]), "1") else {
            panic!()
        };
        assert!(head.body().is_empty() && !head.headers().contains_key(CONTENT_LENGTH));
    }
}
