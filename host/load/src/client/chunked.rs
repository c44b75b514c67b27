//! The chunked transfer coding (RFC 9112, section 7.1), read as its bytes come. Pure.

use crate::failure::Failure;

const MALFORMED: Failure = Failure::Malformed("the size of a chunk is no hexadecimal number");
/// Of a line of trailers or extensions; nothing of them is kept.
const LINE_BYTES: u32 = 64 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Chunked {
    state: State,
    /// Of the chunk: read so far from its line, then left of its data.
    size: u64,
    /// Digits of the size, bytes of an extension, or of a line of the trailers.
    count: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Extension,
    Data,
    DataEnd,
    Trailers,
    Complete,
}

impl Chunked {
    pub(crate) fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    /// Hands the data of chunks on, and gives what is left after the last.
    pub(crate) fn feed<'d>(
        &mut self,
        mut data: &'d [u8],
        mut body: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<&'d [u8], Failure> {
        while !self.is_complete() {
            if self.state == State::Data {
                let taken = usize::try_from(self.size).map_or(data.len(), |size| size.min(data.len()));
                let (piece, rest) = data.split_at(taken);
                body(piece)?;
                self.size -= taken as u64;
                if self.size == 0 {
                    self.enter(State::DataEnd);
                }
                data = rest;
            }
            let Some((byte, rest)) = data.split_first() else { break };
            if self.state != State::Data {
                self.step(*byte)?;
                data = rest;
            }
        }
        Ok(data)
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.count = 0;
    }

    fn step(&mut self, byte: u8) -> Result<(), Failure> {
        match (self.state, byte) {
            (State::Size | State::Extension, b'\n') if self.state == State::Extension || self.count > 0 => {
                self.enter(if self.size == 0 { State::Trailers } else { State::Data });
            }
            (State::Size, b'\r' | b';' | b' ' | b'\t') if self.count > 0 => self.enter(State::Extension),
            (State::Size, _) => {
                let digit = char::from(byte).to_digit(16).filter(|_| self.count < 16).ok_or(MALFORMED)?;
                self.size = self.size << 4 | u64::from(digit);
                self.count += 1;
            }
            (State::DataEnd, b'\r') => {}
            (State::DataEnd, b'\n') => self.enter(State::Size),
            (State::DataEnd, _) => return Err(Failure::Malformed("a chunk is longer than its size")),
            (State::Trailers, b'\n') if self.count == 0 => self.enter(State::Complete),
            (State::Trailers, b'\n') => self.enter(State::Trailers),
            (State::Trailers, b'\r') => {}
            (State::Extension | State::Trailers, _) if self.count < LINE_BYTES => self.count += 1,
            _ => return Err(Failure::Malformed("a line between chunks is longer than 64 KiB")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], piece: usize) -> Result<(Vec<u8>, bool, usize), Failure> {
        let (mut chunked, mut body, mut left) = (Chunked::default(), Vec::new(), 0);
        for piece in text.chunks(piece) {
            let rest = chunked.feed(piece, |data| {
                body.extend_from_slice(data);
                Ok(())
            })?;
            left += rest.len();
        }
        Ok((body, chunked.is_complete(), left))
    }

    #[test]
    fn chunks_in_any_pieces() {
        let text = b"5\r\nhello\r\n00A ; x=\"y\"\r\n0123456789\r\n1\nz\n0;e\r\na: b\r\nc: d\r\n\r\nrest";
        for piece in 1..text.len() {
            let (body, complete, left) = read(text, piece).unwrap();
            assert_eq!((body.as_slice(), complete, left), (&b"hello0123456789z"[..], true, 4), "by {piece}");
        }
    }

    #[test]
    fn what_is_not_chunked_is_refused() {
        for text in ["\r\n", ";\r\n", "g\r\n", "-1\r\n", "11111111111111111\r\n", "1\r\nab\r\n"] {
            assert!(read(text.as_bytes(), 1).is_err(), "{text:?}");
        }
        assert!(!read(b"0\r\n", 1).unwrap().1);
        let long = [b"0\r\n".to_vec(), vec![b'x'; 70_000]].concat();
        assert!(read(&long, 4096).is_err());
    }
}
