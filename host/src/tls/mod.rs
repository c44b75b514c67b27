//! Who this server is to who speaks TLS with it, and what is known of them.
//!
//! In: `[tls]`, `[[certificate]]` and their files. Out: what rustls needs to speak TLS
//! ([`Tls`]), or all that is wrong with them; and of a handshake what handlers and the log may
//! know ([`Session`]). No socket is seen here.

mod certificate;
mod files;
mod resolver;
mod session;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use rustls::crypto::CryptoProvider;
use rustls::server::{ProducesTickets, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};

use self::certificate::Certificate;
use self::files::chain;
use self::resolver::Resolver;
pub use self::session::Session;
use crate::config::{ClientCertificates, TlsConfig};
use crate::problem::Problem;

/// HTTP/2, as a client asks for it (RFC 9113, section 3.2).
pub const H2: &[u8] = b"h2";
/// The versions before it (RFC 7301, section 6).
const HTTP_1_1: &[u8] = b"http/1.1";
const HTTP_1_0: &[u8] = b"http/1.0";

/// Sessions of TLS 1.2 that are remembered, so that their clients need no whole handshake;
/// those of clients that take tickets need no room here.
const SESSIONS: usize = 1024;

/// What is spoken at this moment; none where no listener speaks TLS. A reload replaces it, and
/// connections go on with what they began with.
pub type CurrentTls = ArcSwapOption<Tls>;

/// What it takes to speak TLS.
#[derive(Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    tickets: Arc<dyn ProducesTickets>,
    made_of: TlsConfig,
    certificates: Vec<Arc<Certificate>>,
}

/// What is wrong, and with which part of the configuration, as that names it.
pub type Wrong = (String, Problem);

impl Tls {
    /// Reads the files that `config` names. Clients of `before` may go on with their tickets, where
    /// the same is asked of them.
    ///
    /// # Errors
    ///
    /// All that is wrong with them.
    pub fn load(config: &TlsConfig, before: Option<&Self>) -> Result<Self, Vec<Wrong>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut wrong = Vec::new();
        let mut certificates = Vec::new();
        for (index, files) in config.certificates.iter().enumerate() {
            match Certificate::read(files, &provider) {
                Ok(certificate) => certificates.push(Arc::new(certificate)),
                Err(problem) => wrong.push((format!("certificate {index}"), problem)),
            }
        }
        let clients = clients(config, &provider).map_err(|problem| {
            wrong.push(("tls.client_authorities".to_owned(), problem));
        });
        let kept = before.filter(|before| before.made_of.asks_the_same(config));
        let tickets = match kept {
            Some(before) => Ok(before.tickets.clone()),
            None => rustls::crypto::ring::Ticketer::new().map_err(|error| {
                wrong.push(("tls".to_owned(), Problem::new("", format!("cannot make tickets: {error}"))));
            }),
        };
        let versions: &[_] = if config.only_1_3 { &[&TLS13] } else { &[&TLS13, &TLS12] };
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions);
        let builder = builder.map_err(|error| {
            wrong.push(("tls".to_owned(), Problem::new("", format!("cannot speak TLS: {error}"))));
        });
        let (Ok(builder), Ok(clients), Ok(tickets), true) = (builder, clients, tickets, wrong.is_empty())
        else {
            return Err(wrong);
        };
        let builder = match clients {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut made = builder.with_cert_resolver(Arc::new(Resolver::new(&certificates)));
        made.alpn_protocols = [H2, HTTP_1_1, HTTP_1_0].map(<[u8]>::to_vec).to_vec();
        made.ticketer = tickets.clone();
        made.session_storage = match kept {
            Some(before) => before.config.session_storage.clone(),
            None => rustls::server::ServerSessionMemoryCache::new(SESSIONS),
        };
        Ok(Self { config: Arc::new(made), tickets, made_of: config.clone(), certificates })
    }

    /// What rustls takes.
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// How long a handshake may take.
    pub fn handshake_timeout(&self) -> Duration {
        self.made_of.handshake_timeout
    }

    /// What is served with all the same, but clients will refuse.
    pub fn odd(&self, now: SystemTime) -> Vec<Wrong> {
        let problems =
            self.certificates.iter().enumerate().filter_map(|(index, certificate)| {
                Some((format!("certificate {index}"), certificate.odd(now)?))
            });
        problems.collect()
    }

    /// The names of each certificate, and until when it is valid.
    pub fn certificates(&self) -> impl Iterator<Item = (&[String], SystemTime)> {
        self.certificates.iter().map(|certificate| (certificate.names(), certificate.valid_until()))
    }
}

impl TlsConfig {
    /// The files that are read for it.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let certificates = self.certificates.iter().flat_map(|files| [&files.chain, &files.key]);
        certificates.chain(&self.client_authorities)
    }

    /// Whether who was let in by `other` would be let in by this.
    fn asks_the_same(&self, other: &Self) -> bool {
        // Who has been let in by a certificate that is none any more is to show another.
        let asks_none = self.client_certificates == ClientCertificates::None;
        asks_none && other.client_certificates == ClientCertificates::None
    }
}

/// Who decides on the certificates of clients, where they are asked for any.
fn clients(
    config: &TlsConfig,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn rustls::server::danger::ClientCertVerifier>>, Problem> {
    let Some(path) = &config.client_authorities else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    for authority in chain(path)? {
        roots.add(authority).map_err(|error| {
            Problem::new("", format!("{}: a certificate in it is no authority's: {error}", path.display()))
                .remedy("leave only the certificates of authorities in it")
        })?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let verifier = match config.client_certificates {
        ClientCertificates::Optional => verifier.allow_unauthenticated(),
        ClientCertificates::None | ClientCertificates::Required => verifier,
    };
    let verifier = verifier.build().map_err(|error| Problem::new("", format!("{}: {error}", path.display())));
    verifier.map(Some)
}
