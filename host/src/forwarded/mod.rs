//! What trusted proxies tell of a request: its client, scheme, authority and id.
//!
//! In: the head of a request whose peer is a proxy that `trusted_proxies` names. Out:
//! [`Told`], of which every part was checked. Or a request of a handler's to this server,
//! which tells whose it is, and is believed nothing else. From anybody else these fields are not
//! believed, and no handler sees any field of this kind that is not written here.
//! Pure.

mod element;
mod network;

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{FORWARDED, HeaderName};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue};

use self::element::Element;
pub use self::network::Network;
use crate::{authority, fields};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Read on this server's own connections only.
const CALLER: HeaderName = HeaderName::from_static("x-forwarded-caller");

/// The longest request id that is taken.
const LONGEST_ID: usize = 128;

/// What a request's proxies tell of it; nothing where there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether it was a trusted proxy that sent the request.
    pub by_proxy: bool,
    /// The client: the nearest hop that is not a trusted proxy.
    pub client: Option<IpAddr>,
    /// What the client has used.
    pub scheme: Option<Scheme>,
    /// What the client has asked for.
    pub authority: Option<Arc<str>>,
    /// The id that the request has had before.
    pub request_id: Option<Arc<str>>,
    /// The handler of this server that asks.
    pub caller: Option<Arc<str>>,
}

impl Told {
    /// Reads `headers`, which one of `proxies` has sent. What is malformed is not there.
    pub fn read(headers: &HeaderMap, proxies: &[Network]) -> Self {
        let hops = match headers.contains_key(FORWARDED) {
            true => {
                lines(headers, &FORWARDED).and_then(|lines| Element::parse_all(&lines)).unwrap_or_default()
            }
            false => of_legacy_fields(headers),
        };
        let mut told = Self { by_proxy: true, request_id: request_id(headers), ..Self::default() };
        for hop in hops.into_iter().rev() {
            (told.scheme, told.authority) = (hop.scheme, hop.authority);
            // Who hides is the client, as far as can be known.
            let Some(client) = hop.client else { break };
            told.client = Some(client);
            if !Network::any_has(proxies, client) {
                break;
            }
        }
        told
    }

    /// Reads `headers` of a request that was written by [`write_own`](Self::write_own).
    pub fn read_own(headers: &HeaderMap) -> Self {
        let caller = headers.get(CALLER).and_then(|name| Some(Arc::from(name.to_str().ok()?)));
        Self { request_id: request_id(headers), caller, ..Self::default() }
    }

    /// Writes into a request of the handler `caller` to this server which request it belongs
    /// to, in the place of what it says itself.
    pub fn write_own(headers: &mut HeaderMap, caller: &str, request_id: Option<&str>) {
        for (name, value) in [(CALLER, Some(caller)), (REQUEST_ID, request_id)] {
            headers.remove(&name);
            headers
                .extend(value.and_then(|value| HeaderValue::from_str(value).ok()).map(|value| (name, value)));
        }
    }

    /// Writes it where handlers look for it, in the place of what there was, and of what
    /// was of the connection: `Connection` cannot name what is written here.
    pub fn write(&self, headers: &mut HeaderMap) {
        let mut gone = fields::of_connection(headers);
        gone.extend(headers.keys().filter(|name| fields::is_reserved(name)).cloned());
        for name in gone {
            headers.remove(name);
        }
        let mut insert = |name, value: Option<String>| {
            headers
                .extend(value.and_then(|value| HeaderValue::try_from(value).ok()).map(|value| (name, value)));
        };
        insert(FOR, self.client.map(|client| client.to_string()));
        insert(PROTO, self.scheme.as_ref().map(ToString::to_string));
        insert(HOST, self.authority.as_ref().map(ToString::to_string));
    }
}

/// The values of all lines of a field; none if one of them is no text.
fn lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Vec<&'h str>> {
    headers.get_all(name).iter().map(|value| value.to_str().ok()).collect()
}

/// `X-Forwarded-For` and its companions, which have no grammar of their own.
fn of_legacy_fields(headers: &HeaderMap) -> Vec<Element> {
    let list = |name| -> Vec<String> {
        let lines = lines(headers, name).unwrap_or_default();
        lines.iter().flat_map(|line| line.split(',')).map(|item| item.trim().to_owned()).collect()
    };
    let (clients, schemes, authorities) = (list(&FOR), list(&PROTO), list(&HOST));
    // A list that has something for each hop is read so. Else what the nearest proxy
    // says counts, since that one is trusted.
    let at = |list: &[String], hop: usize| match list.len() == clients.len() {
        true => list.get(hop).cloned(),
        false => list.last().cloned(),
    };
    let hops = 0..clients.len().max(1);
    hops.map(|hop| Element {
        client: clients.get(hop).and_then(|text| element::address(text)),
        scheme: at(&schemes, hop).and_then(|text| element::scheme(&text)),
        authority: at(&authorities, hop).and_then(|text| authority::parse(&text)),
    })
    .collect()
}

/// Bounded and visible, since it is in the log and in error pages; `-` stands for none there.
fn request_id(headers: &HeaderMap) -> Option<Arc<str>> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_fine = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'&' | b'\\');
    ((1..=LONGEST_ID).contains(&id.len()) && id != "-" && id.bytes().all(is_fine)).then(|| id.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fields: &[(&'static str, &str)]) -> Told {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        Told::read(&headers, &["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()])
    }

    #[track_caller]
    fn check(fields: &[(&'static str, &str)], client: &str, scheme: &str, authority: &str) {
        let told = told(fields);
        let client_told = told.client.map(|client| client.to_string()).unwrap_or_default();
        let scheme_told = told.scheme.map(|scheme| scheme.to_string()).unwrap_or_default();
        let authority_told = told.authority.as_deref().unwrap_or_default();
        assert_eq!((&*client_told, &*scheme_told, authority_told), (client, scheme, authority), "{fields:?}");
    }

    #[test]
    fn forwarded_is_read_from_the_right_to_the_first_that_is_not_trusted() {
        let forged = "for=6.6.6.6;proto=https;host=evil";
        check(&[("forwarded", "for=1.2.3.4;proto=https;host=a.example")], "1.2.3.4", "https", "a.example");
        let line = format!("{forged}, for=1.2.3.4;proto=http;host=a.example, for=10.0.0.7;host=inner");
        check(&[("forwarded", &line)], "1.2.3.4", "http", "a.example");
        check(&[("forwarded", forged), ("forwarded", "For=\"[2001:db8::1]:80\"")], "2001:db8::1", "", "");
        check(&[("forwarded", "for=10.0.0.1, for=10.0.0.2")], "10.0.0.1", "", "");
        check(
            &[("forwarded", &format!("{forged}, for=_hidden;proto=https, for=10.1.1.1"))],
            "10.1.1.1",
            "https",
            "",
        );
        check(&[("forwarded", "for=\"::ffff:10.0.0.1\", for=\"[::ffff:10.0.0.2]\"")], "10.0.0.1", "", "");
    }

    #[test]
    fn forwarded_outranks_the_others_also_where_it_is_malformed() {
        let legacy = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-proto", "https")];
        check(&[("forwarded", "for=1.2.3.4"), legacy[0], legacy[1]], "1.2.3.4", "", "");
        for malformed in
            ["for=\"1.2.3.4", "for", "for=1.2.3.4;for=1.2.3.5", "for=1 .2", "=x", "for=1.2.3.4 x"]
        {
            check(&[("forwarded", malformed), legacy[0], legacy[1]], "", "", "");
        }
    }

    #[test]
    fn the_older_fields_are_read_likewise() {
        check(&[("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.0.0.1")], "1.2.3.4", "", "");
        check(&[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.2.3.4:99")], "1.2.3.4", "", "");
        check(
            &[("x-forwarded-for", "2001:db8::1"), ("x-forwarded-proto", "HTTPS")],
            "2001:db8::1",
            "https",
            "",
        );
        check(
            &[("x-forwarded-for", "1.2.3.4, 10.0.0.1"), ("x-forwarded-proto", "https, http")],
            "1.2.3.4",
            "https",
            "",
        );
        check(
            &[("x-forwarded-for", "1.2.3.4, 10.0.0.1"), ("x-forwarded-host", "evil, b, c:8080")],
            "1.2.3.4",
            "",
            "c:8080",
        );
        check(&[("x-forwarded-proto", "https"), ("x-forwarded-host", "a.example")], "", "https", "a.example");
    }

    #[test]
    fn what_is_none_is_not_taken() {
        check(&[("x-forwarded-proto", "javascript"), ("x-forwarded-host", "u@h")], "", "", "");
        check(&[("x-forwarded-host", "a b")], "", "", "");
        check(&[("x-forwarded-host", "h:99999")], "", "", "");
        check(&[("x-forwarded-for", "unknown, not-an-address")], "", "", "");
        for id in ["", "-", "a b", "<b>", "é", &"x".repeat(LONGEST_ID + 1)] {
            assert_eq!(told(&[("x-request-id", id)]).request_id, None, "{id}");
        }
        assert_eq!(told(&[("x-request-id", "Root=1-67;a/b")]).request_id.as_deref(), Some("Root=1-67;a/b"));
    }

    #[test]
    fn handlers_see_only_what_is_believed() {
        let mut headers = HeaderMap::new();
        for name in [
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-port",
            "x-real-ip",
            "x-request-id",
            "x_forwarded_for",
            "x-forwarded_proto",
            "x_request_id",
            "x-other",
            "cookie",
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("6.6.6.6"));
        }
        headers.append("connection", HeaderValue::from_static("close, X-Forwarded-For, Cookie"));
        let told = Told { client: Some("1.2.3.4".parse().unwrap()), ..Told::default() };
        told.write(&mut headers);
        assert_eq!(headers.len(), 2, "{headers:?}");
        assert_eq!(headers["x-forwarded-for"], "1.2.3.4");
        assert_eq!(headers["x-other"], "6.6.6.6");
    }
}
