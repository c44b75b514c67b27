//! The origins that a handler may be granted for its requests.

use std::str::FromStr;

use http::uri::{Authority, Scheme};

/// An origin that outbound requests may go to: `https://api.example.com`,
/// `http://127.0.0.1:9000`, `https://*.example.com`, or `http://self`, this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OriginPattern {
    scheme: Scheme,
    host: String,
    port: u16,
}

/// The host name that stands for this server in outbound requests.
const SELF_HOST: &str = "self";

impl OriginPattern {
    /// Whether a request to this scheme and authority is covered.
    pub(super) fn covers(&self, scheme: &Scheme, authority: &Authority) -> bool {
        let host = host(authority);
        let same_host = match self.host.strip_prefix("*.") {
            Some(domain) => host.strip_suffix(domain).is_some_and(|sub| sub.len() > 1 && sub.ends_with('.')),
            None => host == self.host,
        };
        same_host
            && *scheme == self.scheme
            && authority.port_u16().unwrap_or_else(|| default_port(scheme)) == self.port
    }
}

/// The host, in the spelling of origins.
fn host(authority: &Authority) -> String {
    authority.host().trim_end_matches('.').to_ascii_lowercase()
}

/// Whether this server is meant.
pub(super) fn is_self(authority: &Authority) -> bool {
    host(authority) == SELF_HOST
}

fn default_port(scheme: &Scheme) -> u16 {
    if *scheme == Scheme::HTTPS { 443 } else { 80 }
}

impl FromStr for OriginPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write an origin such as `https://api.example.com` or `http://127.0.0.1:9000`";
        let (scheme, rest) = text.split_once("://").ok_or_else(|| format!("`{text}`: {example}"))?;
        let scheme = match scheme {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            _ => return Err(format!("`{text}`: the scheme is http or https; {example}")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let authority: Authority = rest
            .replacen("*.", "wildcard.", 1)
            .parse()
            .ok()
            .filter(|authority: &Authority| !authority.as_str().contains('@'))
            .ok_or_else(|| format!("`{text}`: {example}"))?;
        let host = host(&authority);
        let host = if rest.starts_with("*.") { host.replacen("wildcard.", "*.", 1) } else { host };
        if host.is_empty() || rest.matches('*').count() > usize::from(host.starts_with("*.")) {
            return Err(format!(
                "`{text}`: a wildcard is the first label only, as in `https://*.example.com`"
            ));
        }
        let port = authority.port_u16().unwrap_or_else(|| default_port(&scheme));
        Ok(Self { scheme, host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn covers(pattern: &str, url: &str, expected: bool) {
        let uri: http::Uri = url.parse().unwrap();
        let pattern: OriginPattern = pattern.parse().unwrap();
        assert_eq!(
            pattern.covers(uri.scheme().unwrap(), uri.authority().unwrap()),
            expected,
            "{pattern:?} {url}"
        );
    }

    #[test]
    fn origins_cover_scheme_host_and_port() {
        covers("https://api.example.com", "https://api.example.com/x", true);
        covers("https://api.example.com", "https://API.example.com.:443/x", true);
        covers("https://api.example.com", "http://api.example.com/x", false);
        covers("https://api.example.com", "https://api.example.com:444/", false);
        covers("https://api.example.com", "https://api.example.com.evil.org/", false);
        covers("http://127.0.0.1:9000", "http://127.0.0.1:9000/", true);
        covers("https://*.example.com", "https://a.b.example.com/", true);
        covers("https://*.example.com", "https://example.com/", false);
        covers("https://*.example.com", "https://badexample.com/", false);
        covers("http://self", "http://self/x", true);
        covers("http://self", "http://SELF/x", true);
        covers("http://Self.:80", "http://self/x", true);
        covers("https://*.Example.com.", "https://a.example.com/", true);
        for (url, is_expected) in [
            ("http://self/", true),
            ("http://SELF/", true),
            ("http://Self.:80/", true),
            ("http://selfish/", false),
            ("http://self.example.com/", false),
        ] {
            let uri: http::Uri = url.parse().unwrap();
            assert_eq!(is_self(uri.authority().unwrap()), is_expected, "{url}");
        }
    }

    #[test]
    fn bad_origins_are_refused() {
        for text in [
            "",
            "example.com",
            "ftp://x",
            "http://",
            "http://a*b",
            "http://*",
            "http://u@x",
            "http://*.a.*.b",
        ] {
            assert!(text.parse::<OriginPattern>().is_err(), "{text}");
        }
    }
}
