//! Where in its bytes the requests of a connection begin and end. Pure.
//!
//! A connection is a sequence of pieces: heads, the data of bodies, and what frames
//! that data. The pieces are found in one pass; of a piece that is not complete,
//! nothing is passed on. What is refused is refused for good.

use super::chunked::{ChunkPiece, Chunked};
use super::fault::Fault;
use super::head::{BodyFraming, Head, HeadLimits};

/// The state of a connection's framing.
#[derive(Debug, Clone)]
pub struct Framing {
    limits: HeadLimits,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Head(Head),
    Length(u64),
    Chunked(Chunked),
    Refused(Fault),
}

/// A piece of a connection, with its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// A whole head, with the empty lines before it.
    Head(usize),
    /// Data of a body, or a part of it.
    Data(usize),
    /// A size line, the end of a chunk, or a trailer.
    Framing(usize),
}

/// What may be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// The number of bytes.
    pub bytes: usize,
    /// The heads that are complete in them.
    pub heads: u64,
    /// What is wrong with what follows.
    pub fault: Option<Fault>,
}

impl Piece {
    fn bytes(self) -> usize {
        match self {
            Self::Head(bytes) | Self::Data(bytes) | Self::Framing(bytes) => bytes,
        }
    }
}

impl Framing {
    /// At the start of a connection.
    pub fn new(limits: HeadLimits) -> Self {
        Self { limits, state: State::Head(Head::default()) }
    }

    /// How much of `bytes` may be passed on.
    ///
    /// They begin where the bytes that were passed before have ended.
    pub fn advance(&mut self, bytes: &[u8]) -> Passed {
        let mut passed = Passed { bytes: 0, heads: 0, fault: None };
        loop {
            match self.next(bytes.get(passed.bytes..).unwrap_or_default()) {
                Ok(Some(piece)) => {
                    passed.bytes += piece.bytes();
                    passed.heads += u64::from(matches!(piece, Piece::Head(_)));
                }
                Ok(None) => return passed,
                Err(fault) => return Passed { fault: Some(fault), ..passed },
            }
        }
    }

    /// The piece that `bytes` begin with; none where it takes more bytes to tell.
    ///
    /// # Errors
    ///
    /// If what they begin with is refused.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Option<Piece>, Fault> {
        let piece = self.piece(bytes);
        if let Err(fault) = piece {
            self.state = State::Refused(fault);
        }
        piece
    }

    /// Whether the next byte belongs to a head.
    pub fn awaits_head(&self) -> bool {
        matches!(self.state, State::Head(_))
    }

    fn piece(&mut self, bytes: &[u8]) -> Result<Option<Piece>, Fault> {
        match &mut self.state {
            State::Head(head) => {
                let Some((length, framing)) = head.advance(bytes, &self.limits)? else { return Ok(None) };
                self.state = match framing {
                    BodyFraming::Length(0) => State::Head(Head::default()),
                    BodyFraming::Length(left) => State::Length(left),
                    BodyFraming::Chunked => State::Chunked(Chunked::new()),
                };
                Ok(Some(Piece::Head(length)))
            }
            State::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= length as u64;
                if *left == 0 {
                    self.state = State::Head(Head::default());
                }
                Ok((length > 0).then_some(Piece::Data(length)))
            }
            State::Chunked(chunked) => Ok(match chunked.next(bytes)? {
                Some(ChunkPiece::Data(length)) => Some(Piece::Data(length)),
                Some(ChunkPiece::Framing(length)) => Some(Piece::Framing(length)),
                Some(ChunkPiece::End(length)) => {
                    self.state = State::Head(Head::default());
                    Some(Piece::Framing(length))
                }
                None => None,
            }),
            State::Refused(fault) => Err(*fault),
        }
    }
}
