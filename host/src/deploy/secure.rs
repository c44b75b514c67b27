//! What TLS is spoken with, and the files that it was made of.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::files::FileStamp;
use crate::config::TlsConfig;
use crate::problem::Problem;
use crate::tls::{Tls, Wrong};

/// What TLS is spoken with; nothing where no certificate is configured.
#[derive(Debug, Default, Clone)]
pub(super) struct Secure {
    pub(super) tls: Option<Arc<Tls>>,
    files: Vec<(PathBuf, Option<FileStamp>)>,
}

impl Secure {
    /// Reads what `config` names, in the place of `before`.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub(super) fn load(config: &TlsConfig, before: Option<&Self>) -> Result<Self, Vec<Wrong>> {
        if config.certificates.is_empty() {
            return Ok(Self::default());
        }
        // Before they are read, so that no change is missed.
        let files = config.files().map(|path| (path.clone(), FileStamp::of(path))).collect();
        let before = before.and_then(|before| before.tls.as_deref());
        let tls = Tls::load(config, before)?;
        Ok(Self { tls: Some(Arc::new(tls)), files })
    }

    /// Whether other files are there than it was made of, as where certificates were renewed.
    pub(super) fn has_changed(&self) -> bool {
        self.files.iter().any(|(path, stamp)| FileStamp::of(path) != *stamp)
    }

    /// Whether it was made of other files than `other`.
    pub(super) fn differs(&self, other: &Self) -> bool {
        self.files != other.files
    }

    /// What clients will refuse.
    pub(super) fn odd(&self) -> Vec<(String, Problem)> {
        self.tls.as_ref().map(|tls| tls.odd(SystemTime::now())).unwrap_or_default()
    }
}
