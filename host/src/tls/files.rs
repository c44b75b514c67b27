//! The files that certificates and keys are in.

use std::path::Path;

use patchboard_files::read;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::problem::Problem;

/// The longest that is read, in bytes.
const LONGEST: u64 = 1 << 20;
/// What a file of certificates is.
const PEM: &str = "it has to have -----BEGIN CERTIFICATE----- lines";

/// The certificates in a file of PEM; there is one at least.
pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let text = contents(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found
        .map_err(|error| Problem::new("", format!("{} is no PEM: {error}", path.display())).remedy(PEM))?;
    if found.is_empty() {
        return Err(Problem::new("", format!("there is no certificate in {}", path.display())).remedy(PEM));
    }
    Ok(found)
}

/// What is in a file, within bounds.
pub(super) fn contents(path: &Path) -> Result<Vec<u8>, Problem> {
    read(path, LONGEST).map_err(|error| {
        Problem::new("", format!("cannot read {}: {error}", path.display()))
            .remedy("correct the path, or let this user read it")
    })
}
