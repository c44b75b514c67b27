//! The head of a request, line by line (RFC 9112, sections 2 to 6).
//!
//! In: the bytes from the head's first on, again with more of them as long as it is
//! not complete; no line is looked at twice. Out: the head's length and the framing
//! of its body, or what is wrong. Nothing is kept of the lines but what decides on
//! the framing. Which rule is broken first depends on the bytes only, never on the
//! pieces they come in.

use memchr::memchr;

use super::fault::HeadFault;
use super::line::{Bytes, is_token, is_value, line, trim};
use crate::authority;

/// The longest name of a field that hyper takes.
const NAME_BYTES: usize = (1 << 16) - 1;

/// What heads are held to.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    /// The longest head of a request, with the request line.
    pub head_bytes: usize,
    /// The longest request line; RFC 9112, section 3, asks for 8,000 bytes at least.
    pub request_line_bytes: usize,
    /// Fields of a head.
    pub fields: usize,
}

impl HeadLimits {
    /// The limits for heads of at most `head_bytes`.
    pub fn new(head_bytes: usize) -> Self {
        // As many fields as hyper takes by default.
        Self { head_bytes, request_line_bytes: 8 << 10, fields: 100 }
    }
}

/// How the body of a request is framed (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFraming {
    /// By its length; 0 where there is none.
    Length(u64),
    Chunked,
}

/// A head as far as it has come.
#[derive(Debug, Default, Clone)]
pub(super) struct Head {
    /// Where the line begins that is not complete yet.
    line: usize,
    /// Up to where that line has no end.
    searched: usize,
    version: Option<Version>,
    fields: usize,
    length: Option<u64>,
    codings: Codings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

/// The elements of all `Transfer-Encoding` fields so far.
#[derive(Debug, Default, Clone, Copy)]
struct Codings {
    any: bool,
    chunked: bool,
    unknown: bool,
}

impl Head {
    /// Looks at the lines that `bytes`, which begin with the head, have in addition.
    ///
    /// Gives the length of the head and the framing of its body once it is complete.
    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<(usize, BodyFraming)>, HeadFault> {
        loop {
            if self.version.is_none() {
                // Another protocol, such as TLS, need not come to a line end.
                check_start(bytes.get(self.line).copied())?;
            }
            let rest = bytes.get(self.searched..).unwrap_or_default();
            let Some(at) = memchr(b'\n', rest) else {
                self.searched = bytes.len();
                self.check_length(bytes.len(), limits)?;
                return Ok(None);
            };
            let end = self.searched + at + 1;
            self.check_length(end, limits)?;
            let line = line(bytes.get(self.line..end).unwrap_or_default()).ok_or(HeadFault::BareLineFeed)?;
            (self.line, self.searched) = (end, end);
            match self.version {
                // RFC 9112, section 2.2: empty lines before the request line are ignored.
                None if line.is_empty() => {}
                None => self.version = Some(request_line(line)?),
                Some(version) if line.is_empty() => return Ok(Some((end, self.framing(version)?))),
                Some(_) => {
                    self.fields += 1;
                    if self.fields > limits.fields {
                        return Err(HeadFault::TooManyFields);
                    }
                    let (name, value) = field(line)?;
                    self.note(name, value)?;
                }
            }
        }
    }

    /// Holds an incomplete line to the limits that it will break when it is complete.
    fn check_length(&self, end: usize, limits: &HeadLimits) -> Result<(), HeadFault> {
        if self.version.is_none() {
            let most = self.line + limits.request_line_bytes;
            if most <= limits.head_bytes && end > most {
                return Err(HeadFault::RequestLineTooLong);
            }
        }
        if end > limits.head_bytes { Err(HeadFault::HeadTooLong) } else { Ok(()) }
    }

    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        if name.eq_ignore_ascii_case(b"content-length") {
            if self.length.replace(content_length(value)?).is_some() {
                return Err(HeadFault::ContentLengths);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.codings.any = true;
            for element in value.split(|byte| *byte == b',') {
                self.codings.add(trim(element))?;
            }
        }
        Ok(())
    }

    fn framing(&self, version: Version) -> Result<BodyFraming, HeadFault> {
        let Codings { any, unknown, .. } = self.codings;
        match (any, self.length) {
            (false, length) => Ok(BodyFraming::Length(length.unwrap_or_default())),
            (true, Some(_)) => Err(HeadFault::TwoFramings),
            (true, None) if version == Version::Http10 => Err(HeadFault::TransferEncodingInHttp10),
            (true, None) if unknown => Err(HeadFault::UnknownCoding),
            (true, None) => Ok(BodyFraming::Chunked),
        }
    }
}

impl Codings {
    fn add(&mut self, element: &[u8]) -> Result<(), HeadFault> {
        let name = element.split(|byte| *byte == b';').next().map(trim).unwrap_or_default();
        // Nothing comes after chunked, least of all itself.
        if !is_token(name) || self.chunked {
            return Err(HeadFault::TransferEncoding);
        }
        self.chunked = name.eq_ignore_ascii_case(b"chunked");
        if self.chunked && name.len() < element.len() {
            return Err(HeadFault::TransferEncoding);
        }
        self.unknown |= !self.chunked;
        Ok(())
    }
}

fn check_start(first: Option<u8>) -> Result<(), HeadFault> {
    match first {
        None | Some(b'\r') => Ok(()),
        Some(b'\n') => Err(HeadFault::BareLineFeed),
        Some(byte) if is_token(&[byte]) => Ok(()),
        Some(_) => Err(HeadFault::Method),
    }
}

/// `method SP target SP version`, with exactly these spaces.
fn request_line(line: &[u8]) -> Result<Version, HeadFault> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let method = parts.next().unwrap_or_default();
    if !is_token(method) {
        return Err(HeadFault::Method);
    }
    let (Some(target), Some(version)) = (parts.next(), parts.next()) else {
        return Err(HeadFault::RequestLine);
    };
    let version = match version {
        b"HTTP/1.1" => Version::Http11,
        b"HTTP/1.0" => Version::Http10,
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => return Err(HeadFault::Version),
        _ => return Err(HeadFault::RequestLine),
    };
    if method == b"CONNECT" {
        return Err(HeadFault::Connect);
    }
    if is_target(target) { Ok(version) } else { Err(HeadFault::Target) }
}

/// Whether `target` is in origin form, absolute form or `*` (RFC 9112, section 3.2).
fn is_target(target: &[u8]) -> bool {
    match target.first() {
        Some(b'/') => is_path_with_query(target),
        Some(b'*') => target == b"*",
        _ => std::str::from_utf8(target).is_ok_and(is_absolute),
    }
}

/// A URI of `http` or `https`, whose authority is held to what Host is.
fn is_absolute(target: &str) -> bool {
    let Some((scheme, rest)) = target.split_once("://") else { return false };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or_default();
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && authority::is_valid(authority)
        && is_path_with_query(path.as_bytes())
}

/// Whether `target` is a path that may have a query, of bytes that leave no doubt.
pub(in crate::server) fn is_path_with_query(target: &[u8]) -> bool {
    let end = memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at_checked(end).unwrap_or_default();
    PATH.are_all(path) && QUERY.are_all(query)
}

// The bytes of RFC 3986, sections 3.3 and 3.4, and those that browsers send as they are
// (https://url.spec.whatwg.org/, the percent-encode sets of paths and of queries), which is
// not grammatical, but leaves no doubt. Nothing else, least of all a fragment, which is not
// sent (RFC 9110, section 4.2.5), and what others would read as a slash or as an end.
static PATH: Bytes =
    Bytes::of(b"!$%&'()*+,-./:;=@_~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz[]^|");
static QUERY: Bytes =
    Bytes::of(b"!$%&'()*+,-./:;=?@_~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz[]^|{}`\\");

/// Name and value of a field; also of a trailer.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), HeadFault> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(HeadFault::Folded);
    }
    let (name, value) =
        memchr(b':', line).and_then(|colon| line.split_at_checked(colon)).ok_or(HeadFault::FieldName)?;
    let value = value.get(1..).unwrap_or_default();
    if !is_token(name) || name.len() > NAME_BYTES {
        return Err(HeadFault::FieldName);
    }
    if is_value(value) { Ok((name, trim(value))) } else { Err(HeadFault::FieldValue) }
}

fn content_length(value: &[u8]) -> Result<u64, HeadFault> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(HeadFault::ContentLength);
    }
    let length = value
        .iter()
        .try_fold(0_u64, |length, digit| length.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    // hyper has other uses for the largest numbers.
    length.filter(|length| i64::try_from(*length).is_ok()).ok_or(HeadFault::ContentLength)
}
