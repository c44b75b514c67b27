//! The grammar of route patterns: part of the contract of host and guests. Pure.
//!
//! In: the text of a pattern. Out: its segments ([`Pattern`], [`Segment`]), or what is
//! wrong, where, and the remedy ([`GrammarError`]). Beside it stands what else both sides
//! must mean the same by: the types of parameters, which of two segments is the more
//! specific, the methods of routes, the characters of a URL, and the record by which a
//! component tells of its routes.
//!
//! The host makes its table from it; the SDK's attributes check patterns by it, and the
//! SDK matches paths and makes URLs by it where no host does.

mod error;
mod method;
mod param_type;
mod pattern;
mod rank;
mod record;
mod segment;
pub mod url;

pub use error::GrammarError;
pub use method::check_method;
pub use param_type::ParamType;
pub use pattern::{Pattern, check_names};
pub use rank::{Rank, is_glob};
pub use record::{Record, SECTION, WrapRecord};
pub use segment::{Kind, Part, Place, Segment, escape, split};

/// Runs the example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
