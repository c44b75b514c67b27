//! Which fields of a message go how far, by their names. Pure.
//!
//! Fields of the connection end here (RFC 9110, section 7.6.1). Some only the host may set;
//! these go by every name that a guest which reads its fields as CGI does (RFC 3875, section
//! 4.1.18: `HTTP_X_FORWARDED_FOR`) takes for the same. And some mean nothing, or too much,
//! where they come after the content (RFC 9110, section 6.5.1).

use std::borrow::Cow;

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName,
    MAX_FORWARDS, ORIGIN, PRAGMA, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RANGE, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};

static OF_CONNECTION: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Routing, request modifiers and authentication; the rest is told by its prefix.
static NOT_IN_TRAILERS: [HeaderName; 12] = [
    AUTHORIZATION,
    CACHE_CONTROL,
    COOKIE,
    EXPECT,
    HOST,
    MAX_FORWARDS,
    ORIGIN,
    PRAGMA,
    RANGE,
    SET_COOKIE,
    TRAILER,
    WWW_AUTHENTICATE,
];

/// Whether a field is always of the connection, not of the message.
pub fn is_of_connection(name: &HeaderName) -> bool {
    OF_CONNECTION.contains(name)
}

/// The fields that `headers` have of the connection: the known ones, and those that
/// `Connection` names. By Host and Content-Length the message was read, so who gets it
/// shall see them too, whatever `Connection` says of them.
pub fn of_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let mut names: Vec<_> = headers.keys().filter(|name| is_of_connection(name)).cloned().collect();
    names.extend(
        options(headers)
            .filter(|name| *name != HOST && *name != CONTENT_LENGTH && headers.contains_key(name)),
    );
    names
}

/// Removes the fields of the connection from a head that goes further.
pub fn strip(headers: &mut HeaderMap) {
    for name in of_connection(headers) {
        headers.remove(name);
    }
}

/// Says once what a length that hyper has read says several times, as `3, 3` does (RFC 9110,
/// section 8.6).
pub fn unite_lengths(headers: &mut HeaderMap) {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let (first, more) = (values.next(), values.next().is_some());
    let Some(text) = first.and_then(|value| value.to_str().ok()) else { return };
    let first = text.split(',').next().unwrap_or_default().trim();
    if (more || first.len() < text.len())
        && let Ok(length) = first.parse::<u64>()
    {
        headers.insert(CONTENT_LENGTH, length.into());
    }
}

/// What the `Connection` of a head names, which goes no further in its trailers either.
#[derive(Debug, Clone, Default)]
pub struct Named(Option<Box<[HeaderName]>>);

impl Named {
    /// In a head whose fields are still those of its connection.
    pub fn by(headers: &HeaderMap) -> Self {
        let named = headers.contains_key(CONNECTION).then(|| options(headers).collect());
        Self(named)
    }

    /// Removes from `trailers` what is of the connection.
    pub fn strip(&self, trailers: &mut HeaderMap) {
        for name in self.0.iter().flatten().chain(&OF_CONNECTION) {
            trailers.remove(name);
        }
    }
}

/// The names that `Connection` has.
fn options(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let lines = headers.get_all(CONNECTION).into_iter();
    let options = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    options.filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok())
}

/// Whether only the host may set a field of a request, be it by a name that merely reads so.
pub fn is_reserved(name: &HeaderName) -> bool {
    match read_as(name) {
        Cow::Borrowed(name) => is_owned(name),
        // By their true names these were read, and are what they seem.
        Cow::Owned(name) => {
            is_owned(&name) || name == "content-length" || OF_CONNECTION.iter().any(|known| *known == *name)
        }
    }
}

/// Whether a trailer of a request may reach a guest (RFC 9110, section 6.5.1).
pub fn may_trail(name: &HeaderName) -> bool {
    let read = read_as(name);
    let is_digest = ["content-digest", "content-md5"].contains(&&*read);
    !is_reserved(name)
        && !is_of_connection(name)
        && !NOT_IN_TRAILERS.iter().any(|known| *known == *read)
        && (is_digest
            || !["accept", "access-control-", "content-", "if-", "proxy-", "sec-"]
                .iter()
                .any(|kind| read.starts_with(kind)))
}

fn is_owned(name: &str) -> bool {
    name.strip_prefix("x-forwarded").is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        // By `HTTP_PROXY` programs of CGI's take a proxy of their own (httpoxy, CVE-2016-5385).
        || matches!(name, "forwarded" | "x-real-ip" | "x-request-id" | "proxy")
}

/// The name as CGI would have it, in the spelling of HTTP.
fn read_as(name: &HeaderName) -> Cow<'_, str> {
    let name = name.as_str();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    match name.chars().all(is_plain) {
        true => name.into(),
        false => name.replace(|c| !is_plain(c), "-").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &str) -> impl Iterator<Item = HeaderName> {
        texts.split(' ').map(|text| text.parse().unwrap())
    }

    #[test]
    fn connection_names_what_goes_no_further() {
        let mut headers = HeaderMap::new();
        for name in names("connection te keep-alive http2-settings cookie host content-length x-a x-b accept")
        {
            headers.append(name, "1".parse().unwrap());
        }
        headers.append(
            CONNECTION,
            "close, COOKIE ,,x-a, Host, content-length, x-none, not a name".parse().unwrap(),
        );
        headers.append(CONNECTION, http::HeaderValue::from_bytes(b"\xff, x-b").unwrap());
        let mut found: Vec<_> = of_connection(&headers).iter().map(ToString::to_string).collect();
        found.sort();
        assert_eq!(found, ["connection", "cookie", "http2-settings", "keep-alive", "te", "x-a", "x-b"]);
        // Nor in the trailers, where they come later.
        let mut trailers = HeaderMap::new();
        for name in names("x-a x-none etag x-c trailer-only te upgrade") {
            trailers.append(name, "1".parse().unwrap());
        }
        Named::by(&headers).strip(&mut trailers);
        let left = |fields: &HeaderMap| {
            let mut names: Vec<_> = fields.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(left(&trailers), ["etag", "trailer-only", "x-c"]);
        strip(&mut headers);
        assert_eq!(left(&headers), ["accept", "content-length", "host"]);
    }

    #[test]
    fn a_length_that_is_told_twice_is_one() {
        for told in [&["3"][..], &["3, 3"], &["3", "3"], &["3,3", "3"], &["3 , 3"]] {
            let mut headers = HeaderMap::new();
            for value in told {
                headers.append(CONTENT_LENGTH, value.parse().unwrap());
            }
            unite_lengths(&mut headers);
            let values: Vec<_> = headers.get_all(CONTENT_LENGTH).iter().collect();
            assert_eq!(values, ["3"], "{told:?}");
        }
        let mut none = HeaderMap::new();
        unite_lengths(&mut none);
        assert!(none.is_empty());
    }

    #[test]
    fn the_hosts_own_names_are_reserved_however_they_are_spelled() {
        for name in names(
            "x-forwarded-for X-Forwarded-Proto x-forwarded-port x-forwarded forwarded x-real-ip x-request-id \
             x_forwarded_for X-Forwarded_For x_forwarded-host x.forwarded.for X_REQUEST_ID x_real_ip \
             x_forwarded content_length transfer_encoding proxy_connection keep_alive",
        ) {
            assert!(is_reserved(&name), "{name}");
        }
        for name in names("x-forwardedfor x-forward via host content-length x_other x-real-ipv6 request_id") {
            assert!(!is_reserved(&name), "{name}");
        }
    }

    #[test]
    fn trailers_tell_nothing_that_was_needed_before() {
        for name in names(
            "transfer-encoding content-length trailer te connection upgrade host max-forwards \
             authorization proxy-authorization www-authenticate cookie set-cookie cache-control expect pragma \
             range if-match if-none-match if-range accept accept-encoding origin sec-fetch-site content-type \
             content-encoding content-range content-disposition forwarded x-forwarded-for x-request-id \
             x_forwarded_for content_type if_match proxy_authorization max_forwards",
        ) {
            assert!(!may_trail(&name), "{name}");
        }
        for name in names("etag checksum content-digest repr-digest digest server-timing x-a x_a grpc-status")
        {
            assert!(may_trail(&name), "{name}");
        }
    }
}
