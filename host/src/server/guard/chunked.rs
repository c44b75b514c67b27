//! A chunked body (RFC 9112, section 7.1): the lines between its data.

use memchr::memchr;

use super::fault::{BodyFault, HeadFault};
use super::head::field;
use super::line::{line, quoted, token, trim_start};

/// Digits of a chunk's size.
const SIZE_DIGITS: usize = 16;
/// Bytes of extensions, which nobody uses, in a whole body; hyper takes 16 KiB.
const EXTENSION_BYTES: usize = 8 << 10;
/// Bytes of the trailers of a body; hyper takes 16 KiB.
const TRAILER_BYTES: usize = 8 << 10;
/// Trailers of a body, which is what hyper takes.
const TRAILER_FIELDS: usize = 100;

/// Where a chunked body is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunked {
    at: At,
    extension_bytes: usize,
    trailer_bytes: usize,
    trailers: usize,
    /// Up to where the line that is not complete has no end.
    searched: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Size,
    Data(u64),
    DataEnd,
    Trailers,
}

/// A piece of a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChunkPiece {
    Data(usize),
    Framing(usize),
    /// The last piece of framing.
    End(usize),
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { at: At::Size, extension_bytes: 0, trailer_bytes: 0, trailers: 0, searched: 0 }
    }

    /// The piece that `bytes` begin with; none where it takes more bytes to tell.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Result<Option<ChunkPiece>, BodyFault> {
        match self.at {
            At::Size => self.size(bytes),
            At::Data(left) => {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                let left = left - length as u64;
                self.at = if left == 0 { At::DataEnd } else { At::Data(left) };
                Ok((length > 0).then_some(ChunkPiece::Data(length)))
            }
            At::DataEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    self.at = At::Size;
                    Ok(Some(ChunkPiece::Framing(2)))
                }
                [] | [b'\r'] => Ok(None),
                _ => Err(BodyFault::ChunkEnd),
            },
            At::Trailers => self.trailer(bytes),
        }
    }

    fn size(&mut self, bytes: &[u8]) -> Result<Option<ChunkPiece>, BodyFault> {
        let most = SIZE_DIGITS + (EXTENSION_BYTES - self.extension_bytes) + 2;
        let Some((text, end)) = self.line(bytes, most, BodyFault::ChunkExtensions, BodyFault::ChunkEnd)?
        else {
            return Ok(None);
        };
        let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (digits, extension) = text.split_at_checked(digits).unwrap_or_default();
        if digits.is_empty() || digits.len() > SIZE_DIGITS {
            return Err(BodyFault::ChunkSize);
        }
        let size = digits.iter().fold(0_u64, |size, digit| {
            (size << 4) | u64::from(char::from(*digit).to_digit(16).unwrap_or_default())
        });
        self.extension_bytes += extension.len();
        if self.extension_bytes > EXTENSION_BYTES {
            return Err(BodyFault::ChunkExtensions);
        }
        if !are_extensions(extension) {
            return Err(BodyFault::ChunkExtension);
        }
        self.at = if size == 0 { At::Trailers } else { At::Data(size) };
        Ok(Some(ChunkPiece::Framing(end)))
    }

    fn trailer(&mut self, bytes: &[u8]) -> Result<Option<ChunkPiece>, BodyFault> {
        let most = TRAILER_BYTES - self.trailer_bytes;
        let Some((text, end)) = self.line(bytes, most, BodyFault::Trailers, BodyFault::Trailer)? else {
            return Ok(None);
        };
        if text.is_empty() {
            return Ok(Some(ChunkPiece::End(end)));
        }
        self.trailer_bytes += end;
        self.trailers += 1;
        if self.trailers > TRAILER_FIELDS {
            return Err(BodyFault::Trailers);
        }
        field(text).map_err(|_: HeadFault| BodyFault::Trailer)?;
        Ok(Some(ChunkPiece::Framing(end)))
    }

    /// The line that `bytes` begin with, and its length with its CRLF.
    fn line<'b>(
        &mut self,
        bytes: &'b [u8],
        most: usize,
        too_long: BodyFault,
        bare: BodyFault,
    ) -> Result<Option<(&'b [u8], usize)>, BodyFault> {
        let at = memchr(b'\n', bytes.get(self.searched..).unwrap_or_default());
        let end = at.map(|at| self.searched + at + 1);
        self.searched = if end.is_some() { 0 } else { bytes.len() };
        if end.unwrap_or(bytes.len()) > most {
            return Err(too_long);
        }
        let Some(end) = end else { return Ok(None) };
        let text = line(bytes.get(..end).unwrap_or_default()).ok_or(bare)?;
        Ok(Some((text, end)))
    }
}

/// RFC 9112, section 7.1.1: `*( BWS ";" BWS name [ BWS "=" BWS value ] )`, and no space at
/// the end. What they say is ignored.
fn are_extensions(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let named = trim_start(rest).strip_prefix(b";").and_then(|rest| token(trim_start(rest)));
        let Some(after) = named else { return false };
        let valued = trim_start(after).strip_prefix(b"=").map(trim_start);
        let Some(after) = valued.map_or(Some(after), |value| token(value).or_else(|| quoted(value))) else {
            return false;
        };
        rest = after;
    }
    true
}
