//! What TLS tells of the client's connection.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;

/// What TLS tells of the client's connection, where this server speaks it.
///
/// A request without TLS, or one to a proxy that speaks it, has none; a handler that serves those
/// too takes an `Option<Tls>`.
///
/// ```
/// use patchboard::{Tls, get};
///
/// #[get("/whoami")]
/// async fn whoami(tls: Option<Tls>) -> String {
///     let shown = tls.as_ref().and_then(Tls::certificate);
///     shown.map_or("somebody", |certificate| certificate.subject()).to_owned()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Tls(Arc<Told>);

#[derive(Debug)]
struct Told {
    server_name: Option<String>,
    certificate: Option<ClientCertificate>,
}

/// The certificate by which a client made itself known; the server has verified it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    subject: String,
    der: Vec<u8>,
}

impl Tls {
    // `wasi:http` has no place for it.
    #[cfg(not(feature = "wasi-http"))]
    pub(crate) fn new(server_name: Option<String>, certificate: Option<(String, Vec<u8>)>) -> Self {
        let certificate = certificate.map(|(subject, der)| ClientCertificate { subject, der });
        Self(Arc::new(Told { server_name, certificate }))
    }

    /// The name that the client has asked for (RFC 6066, section 3).
    pub fn server_name(&self) -> Option<&str> {
        self.0.server_name.as_deref()
    }

    /// The client's certificate, where it was asked for one and has shown it.
    pub fn certificate(&self) -> Option<&ClientCertificate> {
        self.0.certificate.as_ref()
    }
}

impl ClientCertificate {
    /// Whom it names, such as `CN=alice,O=Example` (RFC 4514).
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The certificate itself (RFC 5280, DER).
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

impl<S: Sync> FromRequestParts<S> for Tls {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let plain = (StatusCode::FORBIDDEN, "this is only for who asks by https");
        parts.extensions.get().cloned().ok_or(plain)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Tls {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}
