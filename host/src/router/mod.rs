//! The router: from a host, a method and a path to a target. Pure: no I/O, no tokio.
//!
//! In: routes ([`Table::insert`]). Out: the most specific one for a request, with
//! its decoded parameters ([`Table::find`]); the URL of a named one
//! ([`Table::url_for`]); why a request goes where it goes ([`Table::explain`]).
//!
//! Precedence never depends on the order of registration. First the host, its
//! labels from the right, then the path, its segments from the left; the first
//! place where two routes differ decides: literal text, then a *shape* (a typed or
//! regex parameter, or parameters among literal text), then a plain parameter, then
//! a tail. `order` ranks shapes. Where the rules cannot tell two routes apart and
//! some request would match both, the second is refused and that request is shown.
//!
//! Cost: a node of the tree is visited at most once a request, and only where the
//! number of segments that are left can still match.

mod explain;
mod expression;
mod host;
mod language;
mod method;
mod order;
mod path;
mod pattern;
mod redirect;
mod route;
mod segment;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod ties;
mod tree;
mod url;

pub use explain::{Candidate, Explanation, Outcome, Verdict};
pub use host::{HostPattern, RequestHost};
pub use method::MethodFilter;
pub use path::{PathError, RequestPath};
pub use pattern::{Pattern, PatternError};
pub use redirect::Slashes;
pub use route::{Miss, Route, RoutePattern};
pub use table::{Conflict, Find, Match, Table, TieReason};
pub use url::{Url, UrlError};

use smallvec::SmallVec;

/// What parameters matched, in the order of the search.
type Captures<'p> = SmallVec<[&'p [u8]; 8]>;
