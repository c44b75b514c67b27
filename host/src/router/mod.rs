//! The router: from a method and a path to a target. Pure: no I/O, no tokio.
//!
//! In: patterns with targets ([`Table::insert`]). Out: the target of the most
//! specific pattern, with its decoded parameters ([`Table::find`]). Precedence is
//! by specificity, segment by segment (literal, then parameter, then tail), never
//! by order of registration; two patterns that would tie are refused.

mod path;
mod pattern;
mod table;

pub use path::{PathError, RequestPath};
pub use pattern::{MethodFilter, Pattern, PatternError, RoutePattern};
pub use table::{Conflict, Find, Match, Table};
