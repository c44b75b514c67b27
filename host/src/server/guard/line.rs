//! Lines and the characters in them (RFC 9110, section 5.6; RFC 9112, section 2.2).

/// A line without its CRLF; none where it ends with a line feed alone.
pub(super) fn line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_suffix(b"\r\n")
}

/// Whether `bytes` are a token (RFC 9110, section 5.6.2).
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && TOKEN.are_all(bytes)
}

/// Whether `bytes` have no control character but tabs (RFC 9110, section 5.5).
pub(super) fn is_value(bytes: &[u8]) -> bool {
    // Without a way out early, so that it is done many bytes at a time.
    !bytes.iter().fold(false, |bad, byte| bad | (*byte < b' ' && *byte != b'\t') | (*byte == 0x7f))
}

/// `bytes` without spaces and tabs around them (RFC 9110, section 5.6.3).
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// `bytes` without spaces and tabs before them.
pub(super) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// What follows the token that `bytes` begin with, if they do.
pub(super) fn token(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|byte| !is_token(&[*byte])).unwrap_or(bytes.len());
    bytes.get(end..).filter(|_| end > 0)
}

/// What follows the quoted string that `bytes` begin with, if they do (RFC 9110, section 5.6.4).
pub(super) fn quoted(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.strip_prefix(b"\"")?;
    loop {
        match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', byte, after @ ..] | [byte, after @ ..] if is_value(&[*byte]) => rest = after,
            _ => return None,
        }
    }
}

static TOKEN: Bytes =
    Bytes::of(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

/// A set of bytes.
pub(super) struct Bytes([bool; 256]);

impl Bytes {
    pub(super) const fn of(bytes: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut at = 0;
        while at < bytes.len() {
            set[bytes[at] as usize] = true;
            at += 1;
        }
        Self(set)
    }

    pub(super) fn are_all(&self, bytes: &[u8]) -> bool {
        bytes.iter().all(|byte| self.0.get(usize::from(*byte)).copied().unwrap_or_default())
    }
}
