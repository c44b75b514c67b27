//! URLs, and the addresses behind them: resolved once, checked, and the only ones that
//! are connected to.
//!
//! What is neither loopback nor private is refused unless whoever runs the client says
//! that it is theirs: a load on a stranger's server is an attack.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use http::uri::Authority;

/// A URL in parts; the target may have templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: Scheme,
    pub(crate) authority: String,
    pub(crate) target: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// Where connections go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) authority: String,
    /// Without brackets.
    pub(crate) host: String,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Whether public addresses are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Private,
    Anywhere,
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            // What is before the first slash is not a scheme then, as in `localhost/?to=http://x`.
            Some((before, _)) if before.contains(['/', '?']) => (Scheme::Http, text),
            Some((other, _)) => return Err(format!("{text}: there is no `{other}` here; use http or https")),
            None => (Scheme::Http, text),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        // As a port alone is meant by whoever tries their own server.
        let local = format!("127.0.0.1{authority}");
        let authority = if authority.starts_with(':') { local.as_str() } else { authority };
        if authority.contains("{{") {
            return Err(format!("{text}: a template in the host; give each host as a URL of its own"));
        }
        if authority.contains('@') {
            return Err(format!("{text}: credentials in a URL; use --header 'authorization: …'"));
        }
        let valid = authority.parse::<Authority>().ok().filter(|authority| !authority.host().is_empty());
        if valid.is_none() {
            return Err(format!(
                "{text}: `{authority}` is no host; write for example http://127.0.0.1:8080/"
            ));
        }
        Ok(Self { scheme, authority: authority.to_owned(), target: String::new() }.with_target(target))
    }

    /// Another target of the same origin.
    pub(crate) fn with_target(self, target: &str) -> Self {
        let target = target.split('#').next().unwrap_or_default();
        let slash = if target.starts_with('/') { "" } else { "/" };
        Self { target: format!("{slash}{target}"), ..self }
    }
}

impl Origin {
    /// Resolves the host, and checks every address it has.
    pub(crate) fn resolve(url: &Url, reach: Reach) -> Result<Self, String> {
        let Url { scheme, authority, .. } = url;
        let parsed: Authority =
            authority.parse().map_err(|error| format!("{authority}: {error}; write HOST or HOST:PORT"))?;
        let default = match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        let host = parsed.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = parsed.port_u16().unwrap_or(default);
        let addresses: Vec<_> = (host.as_str(), port)
            .to_socket_addrs()
            .map_err(|error| format!("could not resolve {host}: {error}; check the name"))?
            .collect();
        if addresses.is_empty() {
            return Err(format!("{host} has no address; check the name"));
        }
        if reach == Reach::Private
            && let Some(public) = addresses.iter().find(|address| !is_private(address.ip()))
        {
            return Err(format!(
                "{host} is {}, which is neither loopback nor private; a load on a server of somebody else is \
                 an attack: if it is yours, say so by --yes-i-own-this-host",
                public.ip()
            ));
        }
        Ok(Self { scheme: *scheme, authority: authority.clone(), host, addresses })
    }
}

impl Scheme {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Loopback, RFC 1918, RFC 4193, and the link's own.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, expected) in [
            ("http://127.0.0.1:8080", Ok((Scheme::Http, "127.0.0.1:8080", "/"))),
            ("localhost:80/a?b=c#d", Ok((Scheme::Http, "localhost:80", "/a?b=c"))),
            ("https://[::1]:4/{{seq}}", Ok((Scheme::Https, "[::1]:4", "/{{seq}}"))),
            (":8080/a", Ok((Scheme::Http, "127.0.0.1:8080", "/a"))),
            ("localhost?x", Ok((Scheme::Http, "localhost", "/?x"))),
            ("localhost/?to=http://x", Ok((Scheme::Http, "localhost", "/?to=http://x"))),
            ("ftp://x", Err("use http or https")),
            ("http://", Err("is no host")),
            ("http://{{seq}}/", Err("a template in the host")),
            ("http://a:b@c/", Err("--header 'authorization")),
        ] {
            match (Url::parse(text), expected) {
                (Ok(url), Ok(parts)) => {
                    assert_eq!((url.scheme, url.authority.as_str(), url.target.as_str()), parts);
                }
                (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn only_private_addresses_unless_owned() {
        for (host, private) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("10.0.0.1", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("192.168.1.1", true),
            ("169.254.1.1", true),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("8.8.8.8", false),
            ("[::1]", true),
            ("[fd00::1]", true),
            ("[fe80::1]", true),
            ("[::ffff:10.0.0.1]", true),
            ("[::ffff:8.8.8.8]", false),
            ("[2001:db8::1]", false),
        ] {
            let url = Url::parse(&format!("http://{host}:81/")).unwrap();
            let found = Origin::resolve(&url, Reach::Private);
            assert_eq!(found.is_ok(), private, "{host}: {found:?}");
            let anyway = Origin::resolve(&url, Reach::Anywhere).unwrap();
            assert_eq!(anyway.addresses.len(), 1);
            if let Err(error) = found {
                assert!(error.contains("--yes-i-own-this-host"));
            }
        }
    }

    #[test]
    fn names_are_resolved_once() {
        let origin = Origin::resolve(&Url::parse("localhost:81").unwrap(), Reach::Private).unwrap();
        assert!(origin.addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 81));
    }
}
