//! The one place where failures become responses.
//!
//! Clients get a short, fixed text for each status (as text, JSON or HTML, as
//! `Accept` asks) with the request id; what really happened goes to the log, once,
//! where it is handled. Only `--dev` shows details to clients.

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::body::Body;

/// The answer with `status` in the house format.
///
/// `detail` is for `--dev` only.
pub fn answer(
    status: StatusCode,
    request: &HeaderMap,
    request_id: &str,
    detail: Option<&str>,
) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    fill(&mut response, request, request_id, detail);
    response
}

/// Gives a response that has only a status (and, say, `Allow`) its body.
pub fn fill(response: &mut Response<Body>, request: &HeaderMap, request_id: &str, detail: Option<&str>) {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or("Error");
    let (media_type, text) = match Format::accepted(request) {
        Format::Text => {
            let detail = detail.map(|detail| format!("\n{detail}\n")).unwrap_or_default();
            let text = format!("{} {reason}\nrequest id: {request_id}\n{detail}", status.as_u16());
            ("text/plain; charset=utf-8", text)
        }
        Format::Json => {
            let mut body = serde_json::json!({
                "status": status.as_u16(), "error": reason, "request_id": request_id,
            });
            if let (Some(detail), Some(object)) = (detail, body.as_object_mut()) {
                object.insert("detail".to_owned(), detail.into());
            }
            ("application/json", format!("{body}\n"))
        }
        Format::Html => ("text/html; charset=utf-8", html(status, reason, request_id, detail)),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.entry(RETRY_AFTER).or_insert(HeaderValue::from_static("1"));
    }
    *response.body_mut() = Body::full(text);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
    Html,
}

impl Format {
    /// The first of the formats that `Accept` names; browsers name HTML first.
    fn accepted(request: &HeaderMap) -> Self {
        let accept = request.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        accept
            .split(',')
            .find_map(|range| match range.split(';').next().unwrap_or_default().trim() {
                "text/html" => Some(Self::Html),
                "text/plain" => Some(Self::Text),
                "application/json" => Some(Self::Json),
                _ => None,
            })
            .unwrap_or(Self::Text)
    }
}

fn html(status: StatusCode, reason: &str, request_id: &str, detail: Option<&str>) -> String {
    let detail = detail.map(|detail| format!("<pre>{}</pre>", escape(detail))).unwrap_or_default();
    let status = status.as_u16();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{status} {reason}</title>\
         <style>:root{{color-scheme:light dark}}body{{font:1rem system-ui;margin:4rem auto;max-width:40rem}}</style>\
         <h1>{status} {reason}</h1><p>Request id: <code>{request_id}</code></p>{detail}</html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_chooses_the_format() {
        for (accept, expected) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Html),
            ("application/json", Format::Json),
            ("application/json;q=0.9, text/html", Format::Json),
            ("image/png", Format::Text),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(Format::accepted(&headers), expected, "{accept}");
        }
    }

    #[test]
    fn details_are_escaped_and_only_there_when_given() {
        let page = html(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", "1", Some("<b>&"));
        assert!(page.contains("<pre>&lt;b&gt;&amp;</pre>"));
        assert!(!html(StatusCode::NOT_FOUND, "Not Found", "1", None).contains("<pre>"));
    }
}
