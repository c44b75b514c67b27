//! `outbound` of a handler, and `outbound_calls` of its limits.

use super::origin::OriginPattern;
use crate::config::key::{Key, Unset};
use crate::handlers::grants::grants_config::Configured;

/// Origins, and how many requests may go there at once, on all cores together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(super) origins: Vec<OriginPattern>,
    pub(super) calls: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { origins: Vec::new(), calls: 256 }
    }
}

impl Configured for Config {
    const KEYS: &'static [Key<Self>] = &[Key::list(
        "outbound",
        "an origin such as \"https://api.example.com\"",
        (|h| h.origins.clear(), |h, text| text.parse().map(|origin| h.origins.push(origin))),
        Unset::Said("none"),
        "Where its requests may go. `https://*.example.com` covers subdomains; `http://self` is this server.",
    )];
    const LIMITS: &'static [Key<Self>] =
        &[Key::count("outbound_calls", 1, |c| &mut c.calls, "Outbound requests at once; further ones wait.")];
    type Tables = ();
}
