//! An authority of the tests' own, and what it signs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Signs certificates.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// One that nobody else trusts.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    #[allow(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of the tests");
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("a certificate") }
    }

    /// Its own certificate, as PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Writes `NAME.pem` and `NAME.key` to `folder`: a certificate for `names`, whose subject is the
    /// first.
    ///
    /// # Panics
    ///
    /// If they cannot be made.
    pub fn issue(&self, folder: &Path, name: &str, names: &[&str]) {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, names.first().expect("a name").as_str());
        let key = KeyPair::generate().expect("a key");
        let made = params.signed_by(&key, &self.issuer).expect("a certificate");
        let write = |ending: &str, text: String| {
            // As tools do that renew certificates.
            let new = folder.join(format!("{name}.{ending}.new"));
            fs::write(&new, text).expect("a file can be written");
            fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).expect("it is ours");
            fs::rename(new, folder.join(format!("{name}.{ending}"))).expect("a file can be renamed");
        };
        write("pem", made.pem());
        write("key", key.serialize_pem());
    }
}
