//! What must hold of every request's head that hyper does not see to.

use std::sync::Arc;

use http::header::HOST;
use http::{HeaderValue, Method, Request, Version};

use crate::authority;

/// What must hold of the head before it is routed; gives the authority.
pub(super) fn check<B>(request: &Request<B>) -> Result<Arc<str>, &'static str> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(host.to_str().map_err(|_| "the Host field is not ASCII")?),
        (Some(_), Some(_)) => return Err("there is more than one Host field"),
        (None, _) if request.version() < Version::HTTP_11 => None,
        // RFC 9113, section 8.3.1
        (None, _) if request.version() >= Version::HTTP_2 && request.uri().authority().is_some() => None,
        // RFC 9112, section 3.2
        (None, _) => return Err("there is no Host field"),
    };
    if request.uri().path() == "*" && request.method() != Method::OPTIONS {
        return Err("the target `*` is for OPTIONS");
    }
    let said = match host {
        None | Some("") => Arc::default(),
        Some(host) => authority::parse(host).ok_or("the Host field is not a host and port")?,
    };
    // The authority of an absolute target wins over Host (RFC 9112, section 3.2.2).
    match request.uri().authority() {
        Some(authority)
            if request.version() >= Version::HTTP_2
                && host.is_some_and(|host| host != authority.as_str()) =>
        {
            Err("`:authority` and Host name two hosts")
        }
        Some(authority) => {
            authority::parse(authority.as_str()).ok_or("the target's authority is not a host and port")
        }
        None => Ok(said),
    }
}

/// Makes an absolute target one of origin form, and Host its authority, as is done where a
/// request is sent on (RFC 9112, section 3.2.2): handlers shall not see two hosts.
pub(super) fn to_origin_form<B>(request: &mut Request<B>) {
    let Some(authority) = request.uri().authority() else { return };
    let host = HeaderValue::from_str(authority.as_str());
    let target = match request.uri().query() {
        Some(query) => format!("{}?{query}", request.uri().path()).parse(),
        None => request.uri().path().parse(),
    };
    if let (Ok(host), Ok(target)) = (host, target) {
        request.headers_mut().insert(HOST, host);
        *request.uri_mut() = target;
    }
}
