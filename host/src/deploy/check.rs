//! What a start would find, found by who does not serve.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::beside::Beside;
use super::loads::{Order, load};
use super::prepare::{Judge, Next};
use super::refused::Refused;
use crate::config::{Config, Source};
use crate::handlers::{Handler, Outside};
use crate::problem::Problem;
use crate::server;
use crate::site::Site;

/// What a server would serve.
pub struct Checked {
    next: Next,
}

/// Finds what a start would, and tolerates nothing. What a server of the same configuration
/// holds that runs beside it is as good as free.
///
/// # Errors
///
/// All that is wrong with what `source` names.
pub fn check(source: &Source) -> Result<Checked, Refused> {
    let mut judge = Judge::read(source)?;
    let beside = Beside::of(source);
    if judge.judges_addresses() {
        let wrong =
            server::try_bind(&judge.config.server, |address: SocketAddr| beside.holds_address(address));
        judge.add(wrong);
    }
    judge.machine();
    let loader = judge.loader(Outside::default())?;
    let next = judge.first(loader, true, |path| beside.holds_file(path))?;
    Ok(Checked { next })
}

/// The routes of what `source` names, and what was tolerated; judged by no more than that.
///
/// # Errors
///
/// What is wrong with the configuration, and with what it names.
pub fn routes(source: &Source) -> Result<(Site, Vec<Problem>), Refused> {
    let mut judge = Judge::read(source)?;
    let loader = judge.loader(Outside::default())?;
    judge.routes(loader)
}

/// What a start would make of the component at `path`, were it the only one.
///
/// # Errors
///
/// What is wrong with the configuration, or why the component would not be loaded.
pub fn component(source: &Source, path: &Path) -> anyhow::Result<Arc<Handler>> {
    let mut judge = Judge::read(source)?;
    let loader = judge.loader(Outside::default())?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let config = judge.config.handler(&name);
    let order = Order { name: name.clone(), path: path.to_owned(), config, before: None };
    load(&loader, &order, &|_| {}).map_err(|failure| anyhow::anyhow!("{name} {}", failure.reason))
}

impl Checked {
    /// The handlers that would serve.
    pub fn handlers(&self) -> impl Iterator<Item = &Arc<Handler>> {
        self.next.folder.handlers()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.next.folder.config
    }

    /// The names of each certificate, and until when it is valid.
    pub fn certificates(&self) -> impl Iterator<Item = (&[String], SystemTime)> {
        self.next.secure.tls.iter().flat_map(|tls| tls.certificates())
    }

    /// What is served otherwise than was meant, though nothing keeps it from being served.
    pub fn odd(&self) -> &[Problem] {
        &self.next.odd
    }

    /// What could not be told now.
    pub fn unknown(&self) -> &[Problem] {
        &self.next.granted.unknown
    }

    /// What a start would change first, such as the schemas of databases.
    pub fn pending(&self) -> &[String] {
        &self.next.granted.pending
    }
}
