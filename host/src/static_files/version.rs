//! Versioned URLs: `/css/style.css?v=0123456789abcdef`, where `v` is a digest of
//! the content. Such a response may be kept for ever, since other content has
//! another URL. A digest is computed once for each state of a file.

use std::io::Read;

use sha2::{Digest, Sha256};

use super::error::ServeError;

/// Larger files have no version: their digest would take too long.
pub(super) const VERSIONED_BYTES: u64 = 64 << 20;

/// The digest of a smaller file is made on the spot, in a fraction of a millisecond.
pub(super) const PROMPT_BYTES: u64 = 256 << 10;

/// The first 64 bits of a SHA-256, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version(String);

impl Version {
    /// Reads the content to its end.
    pub(super) fn of(content: impl Read) -> Result<Self, ServeError> {
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut limited = content.take(VERSIONED_BYTES);
        loop {
            match limited.read(&mut buffer)? {
                0 => break,
                read => digest.update(buffer.get(..read).unwrap_or_default()),
            }
        }
        let digest = digest.finalize();
        Ok(Self(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The `v` of a query, the first if there are several.
pub(super) fn asked(query: Option<&str>) -> Option<&str> {
    query?.split('&').find_map(|pair| pair.strip_prefix("v="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_parameter_v() {
        for (query, expected) in [
            (None, None),
            (Some(""), None),
            (Some("v=1"), Some("1")),
            (Some("a=b&v=1&v=2"), Some("1")),
            (Some("av=1"), None),
            (Some("v"), None),
        ] {
            assert_eq!(asked(query), expected, "{query:?}");
        }
    }
}
