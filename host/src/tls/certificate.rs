//! A certificate of this server: its files, its names, and how long it is valid.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::files::{chain, contents};
use crate::config::CertificateConfig;
use crate::problem::Problem;

/// Everybody may read it, or others may write it.
const WRONG_RIGHTS: u32 = 0o026;

/// A certificate with its key.
#[derive(Debug)]
pub(super) struct Certificate {
    key: Arc<CertifiedKey>,
    /// In lower case; `*.` before those that stand for others.
    names: Vec<String>,
    valid: (SystemTime, SystemTime),
}

impl Certificate {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// What is wrong with its files.
    pub(super) fn read(files: &CertificateConfig, provider: &CryptoProvider) -> Result<Self, Problem> {
        let shown = files.chain.display();
        let chain = chain(&files.chain)?;
        let wrong = |error: &dyn std::fmt::Display| {
            Problem::new("", format!("the certificate in {shown} cannot be used: {error}"))
                .remedy("have it issued anew")
        };
        let first = chain.first().ok_or_else(|| wrong(&"there is none"))?;
        let parsed = x509_cert::Certificate::from_der(first).map_err(|error| wrong(&error))?.tbs_certificate;
        let names = match parsed.get::<SubjectAltName>().map_err(|error| wrong(&error))? {
            Some((_, SubjectAltName(names))) => names.iter().filter_map(name).collect(),
            None => Vec::new(),
        };
        if names.is_empty() {
            return Err(wrong(&"it is for no name (subjectAltName)"));
        }
        let validity = parsed.validity;
        let valid = (validity.not_before.to_system_time(), validity.not_after.to_system_time());
        let key = CertifiedKey::from_der(chain, read_key(&files.key)?, provider).map_err(|error| {
            let key = files.key.display();
            match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    Problem::new("", format!("the key {key} is not the key of the certificate in {shown}"))
                        .remedy("name the two that belong together")
                }
                error => Problem::new("", format!("the key {key} cannot be used: {error}"))
                    .remedy("make an RSA key of 2048 bits or more, one of P-256 or P-384, or an Ed25519 key"),
            }
        })?;
        Ok(Self { key: Arc::new(key), names, valid })
    }

    pub(super) fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn valid_until(&self) -> SystemTime {
        self.valid.1
    }

    /// Why clients will refuse it, if they will.
    pub(super) fn odd(&self, now: SystemTime) -> Option<Problem> {
        let names = self.names.join(", ");
        let (wrong, remedy) = match self.valid {
            (from, _) if now < from => ("is valid only from", "look at this machine's clock"),
            (_, until) if until < now => ("has expired at", "have it renewed"),
            _ => return None,
        };
        let time = if now < self.valid.0 { self.valid.0 } else { self.valid.1 };
        let time = humantime::format_rfc3339_seconds(time);
        Some(Problem::new("", format!("the certificate for {names} {wrong} {time}")).remedy(remedy))
    }
}

/// A name that a client can ask for.
fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = || <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
            let v6 = || <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from);
            v4().or_else(v6).map(|ip| ip.to_string())
        }
        _ => None,
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Problem> {
    let text = contents(path)?;
    let rights = fs::metadata(path).map_or(0, |found| found.permissions().mode());
    if rights & WRONG_RIGHTS != 0 {
        let wrong = format!(
            "the key {} may be read by everybody, or written by others (mode {:04o})",
            path.display(),
            rights & 0o7777
        );
        return Err(Problem::new("", wrong).remedy("chmod 600 it, or 640 for a group that may read it"));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        Problem::new("", format!("there is no private key in {}", path.display()))
            .remedy("it has to have a -----BEGIN PRIVATE KEY----- line, and no pass phrase")
    })
}
