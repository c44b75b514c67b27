//! The authority of a request: a host, maybe with a port, and nothing else. Pure.

use std::sync::Arc;

use http::uri::Authority;

/// `text` as an authority, if it is one that a request may name.
pub fn parse(text: &str) -> Option<Arc<str>> {
    let authority: Authority = text.parse().ok()?;
    (!text.contains('@') && has_good_port(&authority)).then(|| authority.as_str().into())
}

/// `Authority` parses any text after the colon.
fn has_good_port(authority: &Authority) -> bool {
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    port.strip_prefix(':').is_none_or(|digits| digits.is_empty() || authority.port_u16().is_some())
}
