//! Compression on the fly of responses, from wherever they come, as they stream.
//!
//! In: a response and the coding that the client accepts. Out: the same, or one whose body
//! is compressed, with `Vary`, without a length, and with a weak entity tag, since
//! the bytes are no longer those that the tag was made for. What answers HEAD, or is a
//! 304, has no body and says the same as the response that it stands for.
//!
//! A body that pauses is flushed, so events reach the client as they are sent.
//! Each step takes in at most `SLICE_BYTES`, which bounds both the memory and
//! the time that a core's other work has to wait.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Body as _, Frame};

use crate::body::{Body, BodyError};
use crate::coding::{Coding, accepted};

const SLICE_BYTES: usize = 16 * 1024;

/// 128 KiB, instead of up to 8 MiB: there may be thousands of streams.
const ZSTD_WINDOW_LOG: u32 = 17;

/// In the order of preference. Brotli is left to siblings, made once at a level
/// that would be too slow here.
const OFFERED: [Coding; 2] = [Coding::Zstd, Coding::Gzip];

/// How responses are compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompressionConfig {
    /// Smaller bodies are left alone, if their length is known.
    pub min_bytes: u64,
    /// 1 to 9.
    pub gzip_level: u32,
    /// 1 to 19.
    pub zstd_level: u32,
}

impl Default for CompressionConfig {
    fn default() -> Self {
        Self { min_bytes: 1024, gzip_level: 5, zstd_level: 3 }
    }
}

/// What a 304 stands for (RFC 9110 section 15.4.5): its entity tag is that of the response
/// it saves. An extension of the 304, which its head does not say by itself.
#[derive(Clone, Debug)]
pub struct Unsent {
    /// The media type of what is not sent.
    pub media_type: HeaderValue,
    /// Its length, uncompressed.
    pub length: u64,
}

/// The coding of what is compressed for a client, if it accepts one.
pub fn coding_for(request: &HeaderMap) -> Option<Coding> {
    accepted(request, &OFFERED).first().copied()
}

/// Compresses a response with `coding`, which its client accepts, if that is worth it
/// and allowed.
pub fn compress(
    mut response: Response<Body>,
    coding: Option<Coding>,
    config: &CompressionConfig,
) -> Response<Body> {
    let unsent = response.extensions_mut().remove::<Unsent>();
    if response.status() == StatusCode::NOT_MODIFIED && unsent.is_none() {
        return not_modified(response, coding);
    }
    if !is_eligible(&response, unsent.as_ref()) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    add_vary(&mut head.headers);
    // Where there is no body, as in an answer to HEAD, the length is that of what GET gives.
    let length = unsent
        .as_ref()
        .map(|unsent| unsent.length)
        .or_else(|| head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok())
        .or_else(|| body.size_hint().upper());
    let Some(coding) =
        coding.filter(|_| length.is_none_or(|length| length > 0 && length >= config.min_bytes))
    else {
        return Response::from_parts(head, body);
    };
    let body = if body.is_empty() {
        // Without the length that a body told in the place of a head.
        if unsent.is_some() { body } else { Body::empty() }
    } else if let Ok(encoder) = Encoder::new(coding, config) {
        let (input, encoder) = (Bytes::new(), Some(encoder));
        Body::stream(Compressed { body, input, encoder, dirty: false, trailers: None })
    } else {
        return Response::from_parts(head, body);
    };
    if unsent.is_none() {
        head.headers.insert(CONTENT_ENCODING, coding.value());
        head.headers.remove(CONTENT_LENGTH);
        head.headers.remove(ACCEPT_RANGES);
    }
    weaken(&mut head.headers);
    Response::from_parts(head, body)
}

/// A 304 that does not say what it stands for. That may have been compressed, so this says what
/// holds for both, and no length.
fn not_modified(response: Response<Body>, coding: Option<Coding>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    add_vary(&mut head.headers);
    if coding.is_none() {
        return Response::from_parts(head, body);
    }
    head.headers.remove(CONTENT_LENGTH);
    weaken(&mut head.headers);
    Response::from_parts(head, Body::empty())
}

/// Whether the response, or the one that it saves, may be compressed, for some client.
fn is_eligible(response: &Response<Body>, unsent: Option<&Unsent>) -> bool {
    let headers = response.headers();
    let status = response.status();
    let bare = matches!(status, StatusCode::NO_CONTENT | StatusCode::PARTIAL_CONTENT)
        || (status == StatusCode::NOT_MODIFIED && unsent.is_none());
    let media_type = unsent.map(|unsent| &unsent.media_type).or_else(|| headers.get(CONTENT_TYPE));
    !status.is_informational()
        && !bare
        // Never twice, never a part, and nothing with a digest of the bytes.
        && ![CONTENT_ENCODING, CONTENT_RANGE, HeaderName::from_static("content-digest")]
            .iter()
            .any(|name| headers.contains_key(name))
        // RFC 9111 section 5.2.2.6
        && !names(headers, &CACHE_CONTROL, "no-transform")
        && media_type.is_some_and(is_text)
}

/// Types that are text, or compress like it.
pub fn is_text(media_type: &HeaderValue) -> bool {
    let essence = media_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(
            &*essence,
            "application/json"
                | "application/javascript"
                | "application/xml"
                | "application/wasm"
                | "application/x-ndjson"
                | "application/yaml"
                | "application/toml"
        )
}

/// Whether a list header names `token`, with or without a parameter.
fn names(headers: &HeaderMap, header: &HeaderName, token: &str) -> bool {
    let lines = headers.get_all(header).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|element| element.trim().eq_ignore_ascii_case(token))
}

fn add_vary(headers: &mut HeaderMap) {
    if !names(headers, &VARY, "accept-encoding") && !names(headers, &VARY, "*") {
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// RFC 9110 section 8.8.3.3: another coding's bytes need another strong tag.
fn weaken(headers: &mut HeaderMap) {
    if let Some(etag) = headers.get(ETAG)
        && etag.as_bytes().starts_with(b"\"")
    {
        let weak = HeaderValue::from_bytes(&[b"W/", etag.as_bytes()].concat());
        match weak {
            Ok(weak) => headers.insert(ETAG, weak),
            Err(_) => headers.remove(ETAG),
        };
    }
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    fn new(coding: Coding, config: &CompressionConfig) -> io::Result<Self> {
        match coding {
            Coding::Zstd => {
                let mut encoder =
                    zstd::stream::write::Encoder::new(Vec::new(), config.zstd_level.cast_signed())?;
                encoder.window_log(ZSTD_WINDOW_LOG)?;
                Ok(Self::Zstd(encoder))
            }
            Coding::Gzip => {
                Ok(Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(config.gzip_level.min(9)))))
            }
            Coding::Brotli => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn write(&mut self, input: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(input),
            Self::Zstd(encoder) => encoder.write_all(input),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }

    fn finish(self) -> io::Result<Bytes> {
        match self {
            Self::Gzip(encoder) => encoder.finish().map(Bytes::from),
            Self::Zstd(encoder) => encoder.finish().map(Bytes::from),
        }
    }

    /// What has been put out so far.
    fn take(&mut self) -> Bytes {
        let output = match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        };
        std::mem::take(output).into()
    }
}

/// A body on its way through an encoder.
struct Compressed {
    body: Body,
    /// What is left of the last frame.
    input: Bytes,
    /// `None` once it has been finished.
    encoder: Option<Encoder>,
    /// Whether the encoder may hold something back.
    dirty: bool,
    trailers: Option<HeaderMap>,
}

impl Compressed {
    /// The next bytes, or `None` at the end. Never empty.
    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        while let Some(encoder) = &mut self.encoder {
            if !self.input.is_empty() {
                let slice = self.input.split_to(self.input.len().min(SLICE_BYTES));
                encoder.write(&slice)?;
                self.dirty = true;
                let output = encoder.take();
                if !output.is_empty() {
                    return Poll::Ready(Some(Ok(output)));
                }
                continue;
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(frame)) => match frame?.into_data() {
                    Ok(data) => self.input = data,
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
                Poll::Ready(None) => {
                    let rest = self.encoder.take().map(Encoder::finish).transpose()?;
                    return Poll::Ready(rest.filter(|rest| !rest.is_empty()).map(Ok));
                }
                Poll::Pending if std::mem::take(&mut self.dirty) => {
                    encoder.flush()?;
                    let output = encoder.take();
                    if !output.is_empty() {
                        return Poll::Ready(Some(Ok(output)));
                    }
                    return Poll::Pending;
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(None)
    }
}

impl http_body::Body for Compressed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match std::task::ready!(self.next(cx)) {
            Some(Ok(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(Err(error)) => {
                // Cut off, not ended: a finished stream would pass for all of it.
                self.encoder = None;
                self.trailers = None;
                Poll::Ready(Some(Err(error)))
            }
            None => Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::io::Read;

    use http::header::ACCEPT_ENCODING;
    use http_body_util::BodyExt;

    use super::*;

    fn response(media_type: &'static str, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        response.headers_mut().insert(ETAG, HeaderValue::from_static("\"x\""));
        response
    }

    fn run(accept: &str, response: Response<Body>) -> Response<Body> {
        let mut request = HeaderMap::new();
        request.insert(ACCEPT_ENCODING, HeaderValue::from_str(accept).unwrap());
        compress(response, coding_for(&request), &CompressionConfig::default())
    }

    fn coding(response: &Response<Body>) -> Option<&str> {
        response.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap())
    }

    fn decode(coding: &str, bytes: &[u8]) -> Vec<u8> {
        let mut decoded = Vec::new();
        match coding {
            "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut decoded).unwrap(),
            _ => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut decoded).unwrap(),
        };
        decoded
    }

    #[tokio::test]
    async fn bodies_survive_and_shrink() {
        let content: Vec<u8> = (0..100_000u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        for (accept, expected) in [("gzip", "gzip"), ("gzip, zstd", "zstd"), ("zstd;q=0.1, gzip", "gzip")] {
            let compressed = run(accept, response("text/plain", Body::full(content.clone())));
            assert_eq!(coding(&compressed), Some(expected));
            assert_eq!(compressed.headers().get(ETAG).unwrap(), "W/\"x\"");
            assert_eq!(compressed.headers().get(VARY).unwrap(), "accept-encoding");
            let bytes = compressed.into_body().collect().await.unwrap().to_bytes();
            assert!(bytes.len() < content.len() / 3);
            assert!(decode(expected, &bytes) == content);
        }
    }

    #[test]
    fn head_and_304_tell_no_length_of_what_would_be_compressed() {
        let head = |accept| run(accept, response("text/plain", Body::absent(5000)));
        assert_eq!(coding(&head("gzip")), Some("gzip"));
        assert_eq!(head("gzip").body().size_hint().exact(), Some(0));
        assert_eq!(head("identity").body().size_hint().exact(), Some(5000));
        let unmodified = |accept| {
            let mut response = response("text/plain", Body::absent(5000));
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            let (head, body) = run(accept, response).into_parts();
            let field = |name| head.headers.get(name).unwrap().to_str().unwrap().to_owned();
            (field(VARY), field(ETAG), body.size_hint().exact())
        };
        let vary = || "accept-encoding".to_owned();
        assert_eq!(unmodified("gzip"), (vary(), "W/\"x\"".to_owned(), Some(0)));
        assert_eq!(unmodified("identity"), (vary(), "\"x\"".to_owned(), Some(5000)));
    }

    #[test]
    fn what_is_not_worth_it_or_not_allowed_is_left_alone() {
        let long = || Body::full(vec![b'x'; 5000]);
        let with = |name: HeaderName, value: &'static str| {
            let mut response = response("text/plain", long());
            response.headers_mut().insert(name, HeaderValue::from_static(value));
            response
        };
        assert_eq!(coding(&run("gzip", response("image/png", long()))), None);
        assert_eq!(coding(&run("gzip", response("text/plain", Body::full("short")))), None);
        assert_eq!(coding(&run("gzip", with(CONTENT_ENCODING, "br"))), Some("br"));
        assert_eq!(coding(&run("gzip", with(CACHE_CONTROL, "public, no-transform"))), None);
        assert_eq!(coding(&run("gzip", with(CONTENT_RANGE, "bytes 0-1/2"))), None);
        assert_eq!(coding(&run("br", response("text/plain", long()))), None);
        let mut partial = response("text/plain", long());
        *partial.status_mut() = StatusCode::PARTIAL_CONTENT;
        assert_eq!(coding(&run("gzip", partial)), None);
        let plain = run("identity", response("text/plain", long()));
        assert_eq!(
            (coding(&plain), plain.headers().get(VARY).unwrap().to_str().unwrap()),
            (None, "accept-encoding")
        );
    }

    #[test]
    fn what_has_no_body_says_what_the_one_with_it_does() {
        let with_length = |length: &'static str| {
            let mut response = response("text/plain", Body::empty());
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static(length));
            response
        };
        let said = |response: Response<Body>| {
            let get = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            (get(CONTENT_ENCODING), get(CONTENT_LENGTH), get(ETAG), get(VARY))
        };
        let text = |value: &str| Some(value.to_owned());
        let vary = text("accept-encoding");
        for name in ["gzip", "zstd"] {
            let large = run(name, with_length("5000"));
            assert!(large.body().is_empty());
            assert_eq!(said(large), (text(name), None, text("W/\"x\""), vary.clone()));
            assert_eq!(said(run(name, with_length("5"))), (None, text("5"), text("\"x\""), vary.clone()));
        }
        assert_eq!(
            said(run("identity", with_length("5000"))),
            (None, text("5000"), text("\"x\""), vary.clone())
        );
        // Nothing is not compressed, since its coding would be something.
        let config = CompressionConfig { min_bytes: 0, ..CompressionConfig::default() };
        let nothing = compress(response("text/plain", Body::empty()), Some(Coding::Gzip), &config);
        assert_eq!(said(nothing), (None, None, text("\"x\""), vary.clone()));
        // A 304 has the tag of what it saves, and nothing of its body.
        for (media_type, length, expected) in
            [("text/plain", 5000, "W/\"x\""), ("text/plain", 5, "\"x\""), ("image/png", 5000, "\"x\"")]
        {
            let mut saved = Response::new(Body::empty());
            *saved.status_mut() = StatusCode::NOT_MODIFIED;
            saved.headers_mut().insert(ETAG, HeaderValue::from_static("\"x\""));
            saved
                .extensions_mut()
                .insert(Unsent { media_type: HeaderValue::from_static(media_type), length });
            let (coding, announced, tag, _) = said(run("gzip", saved));
            assert_eq!((coding, announced, tag), (None, None, text(expected)), "{media_type} {length}");
        }
    }

    #[tokio::test]
    async fn an_event_is_flushed_when_the_source_pauses() {
        for name in ["gzip", "zstd"] {
            let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
            let events = response("text/event-stream", Body::stream(Events(receiver)));
            let mut body = run(name, events).into_body();
            let mut got = Vec::new();
            for event in ["data: 1\n\n", "data: 2\n\n"] {
                sender.send(event.into()).await.unwrap();
                got.extend(body.frame().await.unwrap().unwrap().into_data().unwrap());
                while let Some(more) =
                    tokio::time::timeout(std::time::Duration::ZERO, body.frame()).await.ok().flatten()
                {
                    got.extend(more.unwrap().into_data().unwrap());
                }
                let mut seen = vec![0; 9];
                let read = match name {
                    "gzip" => flate2::read::GzDecoder::new(&*got).read_exact(&mut seen),
                    _ => zstd::stream::read::Decoder::new(&*got).unwrap().read_exact(&mut seen),
                };
                assert!(read.is_ok(), "{name} {event}");
            }
            drop(sender);
            got.extend(body.collect().await.unwrap().to_bytes());
            assert_eq!(decode(name, &got), b"data: 1\n\ndata: 2\n\n");
        }
    }

    struct Events(tokio::sync::mpsc::Receiver<Bytes>);

    impl http_body::Body for Events {
        type Data = Bytes;
        type Error = BodyError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
            self.0.poll_recv(cx).map(|event| event.map(|event| Ok(Frame::data(event))))
        }
    }
}
