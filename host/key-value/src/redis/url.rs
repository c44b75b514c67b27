//! The URL of a Redis, which may have a password in it, and is not shown with it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};

/// Where a Redis is, and as whom it is asked. Shown without its credentials.
#[derive(Clone)]
pub struct RedisUrl {
    text: String,
    info: ConnectionInfo,
}

impl RedisUrl {
    pub(super) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self.info.addr(), ConnectionAddr::TcpTls { .. })
    }
}

impl FromStr for RedisUrl {
    type Err = &'static str;

    /// The error does not have the text, which may have a password.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is not the URL of a Redis; write one such as \"redis://127.0.0.1:6379/0\" or \
                     \"rediss://USER:PASSWORD@redis.example.com:6380\"";
        let info = text.into_connection_info().map_err(|_| wrong)?;
        match info.addr() {
            ConnectionAddr::TcpTls { insecure: true, .. } => Err("must not have #insecure"),
            _ => Ok(Self { text: text.to_owned(), info }),
        }
    }
}

impl PartialEq for RedisUrl {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RedisUrl {}

impl Hash for RedisUrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.info.addr().fmt(f)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_credentials() {
        for (text, expected) in [
            ("redis://127.0.0.1:6379/0", Some("127.0.0.1:6379")),
            ("redis://:s3cret@example.com", Some("example.com:6379")),
            ("rediss://user:s3cret@example.com:6380/2", Some("example.com:6380")),
            ("unix:///run/redis.sock", Some("/run/redis.sock")),
            ("rediss://example.com/#insecure", None),
            ("http://:s3cret@example.com", None),
            ("redis://:s3cret@example.com/zero", None),
            ("s3cret", None),
            ("", None),
        ] {
            let shown = match text.parse::<RedisUrl>() {
                Ok(url) => {
                    assert!(!format!("{url:?}").contains("s3cret"));
                    Some(url.to_string())
                }
                Err(error) => {
                    assert!(!error.contains("s3cret"));
                    None
                }
            };
            assert_eq!(shown.as_deref(), expected, "{text}");
        }
    }
}
