//! What a handler can be granted: a folder a capability.
//!
//! A folder's `mod.rs` has what a handler is given, its `host` what a guest can call.

pub(super) mod config;
pub(super) mod host;
pub(super) mod key_value;
pub(super) mod logging;
pub(super) mod outbound;
pub(super) mod routing;
pub(super) mod sql;
