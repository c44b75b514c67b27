//! Which certificate a client is shown.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::Certificate;

/// The certificates by the names they are for.
#[derive(Debug)]
pub(super) struct Resolver {
    /// By whole names, and for `*.example.org` by `.example.org`.
    named: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// For who asks for no name, or for one of none: the first, and those of the same names.
    others: Vec<Arc<CertifiedKey>>,
}

impl Resolver {
    pub(super) fn new(certificates: &[Arc<Certificate>]) -> Self {
        let mut named = HashMap::<String, Vec<_>>::new();
        for certificate in certificates {
            for name in certificate.names() {
                // The longest match wins, then the first of them.
                named.entry(key_of(name).to_owned()).or_default().push(certificate.key().clone());
            }
        }
        let first = certificates.first();
        let names = first.map(|first| first.names()).unwrap_or_default();
        let same = certificates.iter().filter(|other| other.names() == names);
        Self { named, others: same.map(|certificate| certificate.key().clone()).collect() }
    }

    /// Those for `name`, such as a client asks for.
    fn find(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        // A trailing dot is no part of it (RFC 6066, section 3), and rustls has checked the rest.
        let name = name.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        let found = name.as_deref().and_then(|name| {
            // A wildcard stands for one label (RFC 6125, section 6.4.3).
            let parent = name.find('.').and_then(|dot| name.get(dot..));
            self.named.get(name).or_else(|| self.named.get(parent?))
        });
        found.map_or(&self.others, Vec::as_slice)
    }
}

/// The key of a certificate's name; no name of a host begins with a dot.
fn key_of(name: &str) -> &str {
    name.strip_prefix('*').unwrap_or(name)
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let found = self.find(hello.server_name());
        // Of those with keys of different kinds, one that the client can verify.
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        found.iter().find(fits).or(found.first()).cloned()
    }
}
