//! The authority of a request: a host, maybe with a port, and nothing else. Pure.
//!
//! The one check for wherever a request names it: `Host`, an absolute target, and what
//! trusted proxies tell. What is taken here, the `http` crate takes too.

use std::net::Ipv6Addr;
use std::sync::Arc;

/// `text` as an authority, if it is one that a request may name.
pub fn parse(text: &str) -> Option<Arc<str>> {
    is_valid(text).then(|| text.into())
}

/// Whether `text` is an authority that a request may name: RFC 3986, section 3.2, without
/// userinfo and with a host (RFC 9110, sections 4.2.1 and 4.2.4).
pub fn is_valid(text: &str) -> bool {
    let host_and_port = match text.strip_prefix('[') {
        // Addresses of a later version than 6 there are none, and zones stay on their host.
        Some(literal) => literal.split_once(']').filter(|(host, _)| host.parse::<Ipv6Addr>().is_ok()),
        None => text.split_at_checked(text.find(':').unwrap_or(text.len())).filter(|(host, _)| is_name(host)),
    };
    host_and_port.is_some_and(|(_, port)| port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// RFC 3986, section 3.2.2; encoded bytes are in no name of a host.
fn is_name(text: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    !text.is_empty() && text.bytes().all(in_name)
}

/// RFC 3986, section 3.2.3: it may be empty; a sign is not a digit.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use http::uri::Authority;

    use super::*;

    #[test]
    fn a_host_and_maybe_a_port() {
        for text in [
            "a",
            "a.example",
            "A.Example.",
            "a_b.example:80",
            "a:",
            "a:0",
            "a:65535",
            "a:00080",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
            "[2001:db8:1:2:3:4:5:6]:65535",
            "a!$&'()*+,;=~",
        ] {
            assert_eq!(parse(text).as_deref(), Some(text));
            assert_eq!(
                text.parse::<Authority>().map(|parsed| parsed.to_string()).ok().as_deref(),
                Some(text)
            );
        }
    }

    #[test]
    fn nothing_else() {
        for text in [
            "",
            ":",
            ":80",
            "u@h",
            "u:p@h",
            "@h",
            "h@",
            "a:65536",
            "a:99999",
            "a:+80",
            "a:-1",
            "a:8a",
            "a:80:81",
            "a b",
            "a/b",
            "a?",
            "a#",
            "a\\b",
            "a%41",
            "é",
            "a\"",
            "a|b",
            "a{b",
            "[::1",
            "::1",
            "[::1]a",
            "[::1]80",
            "[::1]:x",
            "x[::1]",
            "[]",
            "[a]",
            "[::1%25eth0]",
            "[v1.a]",
            "[127.0.0.1]",
            "[::1]]",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
