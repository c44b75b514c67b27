//! Which of two segments with parameters is the more specific, as far as their text says.
//!
//! First the types of a fixed form (`bool`, `uuid`, `date`); then text with plain
//! parameters, the more literal text the earlier, of equally much that which begins with
//! more of it; then the open types, from `uint` to `slug` as [`ParamType`] lists them.
//! Regexes, and types among text, have no rank: what they match has to be compared.

use std::cmp::Reverse;

use crate::{Kind, ParamType, Part};

/// The rank of a segment; the smaller comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A type of a fixed form.
    Fixed(ParamType),
    /// The characters of literal text, and those before the first parameter.
    Text(Reverse<(usize, usize)>),
    /// Another type.
    Open(ParamType),
}

impl Rank {
    /// The rank of a segment of these parts, if it has one.
    pub fn of(parts: &[Part]) -> Option<Self> {
        match parts {
            [
                Part::Parameter(_, Kind::Type(kind @ (ParamType::Bool | ParamType::Uuid | ParamType::Date))),
            ] => Some(Self::Fixed(*kind)),
            [Part::Parameter(_, Kind::Type(kind))] => Some(Self::Open(*kind)),
            _ if is_glob(parts) => {
                let length = |part: &Part| match part {
                    Part::Literal(text) => text.chars().count(),
                    Part::Parameter(..) => 0,
                };
                let first = parts.first().map_or(0, length);
                Some(Self::Text(Reverse((parts.iter().map(length).sum(), first))))
            }
            _ => None,
        }
    }
}

/// Whether it is text with plain parameters, no two side by side.
pub fn is_glob(parts: &[Part]) -> bool {
    let plain = |part: &Part| matches!(part, Part::Literal(_) | Part::Parameter(_, Kind::Plain));
    let adjacent = |pair: &[Part; 2]| matches!(pair, [Part::Parameter(..), Part::Parameter(..)]);
    parts.iter().all(plain) && !parts.array_windows().any(adjacent)
}
