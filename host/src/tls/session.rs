//! What a handshake tells of a client.

use std::sync::Arc;

use rustls::ServerConnection;
use x509_cert::der::Decode as _;

/// What is known of who speaks TLS; an extension of each of its requests.
#[derive(Debug, Clone)]
pub struct Session(Arc<Known>);

#[derive(Debug)]
struct Known {
    server_name: Option<String>,
    certificate: Option<ClientCertificate>,
}

/// The certificate that a client has shown, which one of the authorities has signed.
#[derive(Debug)]
pub struct ClientCertificate {
    /// As it was shown (X.509, DER).
    pub der: Vec<u8>,
    /// Whose it is (RFC 4514).
    pub subject: String,
}

impl Session {
    /// Of a handshake that is done.
    pub fn of(connection: &ServerConnection) -> Self {
        let certificate = connection.peer_certificates().and_then(<[_]>::first).map(|shown| {
            let parsed = x509_cert::Certificate::from_der(shown);
            let subject = parsed.map(|parsed| parsed.tbs_certificate.subject.to_string());
            ClientCertificate { der: shown.to_vec(), subject: subject.unwrap_or_default() }
        });
        let server_name = connection.server_name().map(str::to_owned);
        Self(Arc::new(Known { server_name, certificate }))
    }

    /// The name that the client has asked for (RFC 6066, section 3).
    pub fn server_name(&self) -> Option<&str> {
        self.0.server_name.as_deref()
    }

    /// The client's certificate, where it has shown one.
    pub fn certificate(&self) -> Option<&ClientCertificate> {
        self.0.certificate.as_ref()
    }
}
