//! What must hold of every request's head that hyper does not see to.

use std::sync::Arc;

use http::header::HOST;
use http::{Method, Request, Version};

use crate::authority;

/// What must hold of the head before it is routed; gives the authority.
pub(super) fn check<B>(request: &Request<B>) -> Result<Arc<str>, &'static str> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(host.to_str().map_err(|_| "the Host field is not ASCII")?),
        (Some(_), Some(_)) => return Err("there is more than one Host field"),
        (None, _) if request.version() < Version::HTTP_11 => None,
        // RFC 9112, section 3.2
        (None, _) => return Err("there is no Host field"),
    };
    if request.uri().path() == "*" && request.method() != Method::OPTIONS {
        return Err("the target `*` is for OPTIONS");
    }
    // The authority of an absolute target wins over Host (RFC 9112, section 3.2.2).
    match (request.uri().authority(), host) {
        (Some(authority), _) => Ok(authority.as_str().into()),
        (None, Some("")) | (None, None) => Ok(Arc::default()),
        (None, Some(host)) => authority::parse(host).ok_or("the Host field is not a host and port"),
    }
}
