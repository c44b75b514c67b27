//! Which requests are those of somebody who looks at a page. Pure.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, HOST, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::uri::Authority;
use http::{HeaderMap, Request};

const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Whether a browser asks for a page to show; what scripts ask for is none.
pub(super) fn is_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match text(DESTINATION) {
        Some(destination) => matches!(destination, "document" | "iframe" | "frame"),
        // RFC 9110, section 12.5.1; fetch and XMLHttpRequest ask for `*/*`.
        None => text(ACCEPT).is_some_and(|accept| {
            let ranges = accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
            ranges.take(1).any(|range| range.eq_ignore_ascii_case("text/html"))
        }),
    }
}

/// Has a page answered whole, as it is now, and in no coding, so that something can be added to it.
pub(super) fn ask_whole(headers: &mut HeaderMap) {
    for name in [ACCEPT_ENCODING, RANGE, IF_RANGE, IF_NONE_MATCH, IF_MODIFIED_SINCE] {
        headers.remove(name);
    }
}

/// Whether the server is asked by a name that no other site can have: where another site's name
/// leads here, its scripts might read what is shown.
pub(super) fn is_local<B>(request: &Request<B>) -> bool {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    // The target's wins, and is where HTTP/2 has it.
    let Some(host) = request.uri().authority().map(Authority::as_str).or(host) else { return false };
    if host.starts_with('[') {
        return true;
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_page_is_what_a_browser_shows() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (fields, expected) in [
            (&[("accept", browser)][..], true),
            (&[("accept", browser), ("sec-fetch-dest", "document")], true),
            (&[("accept", browser), ("sec-fetch-dest", "empty")], false),
            (&[("accept", "*/*"), ("sec-fetch-dest", "iframe")], true),
            (&[("accept", "Text/HTML ; q=1")], true),
            (&[("accept", "*/*")], false),
            (&[("accept", "application/json, text/html")], false),
            (&[], false),
        ] {
            assert_eq!(is_page(&headers(fields)), expected, "{fields:?}");
        }
    }

    #[test]
    fn names_of_others_are_not_local() {
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("shop.localhost:8080", true),
            ("127.0.0.1:8080", true),
            ("192.168.0.7", true),
            ("[::1]:8080", true),
            ("example.org", false),
            ("localhost.example.org:8080", false),
            ("127.0.0.1.example.org", false),
        ] {
            let mut request = Request::new(());
            *request.headers_mut() = headers(&[("host", host)]);
            assert_eq!(is_local(&request), expected, "{host}");
            *request.uri_mut() = "http://example.org/".parse().unwrap();
            assert!(!is_local(&request));
        }
    }
}
