//! What a start would find, found by who does not serve.

use std::net::SocketAddr;
use std::sync::Arc;

use super::beside::Beside;
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

impl Checked {
    /// The handlers that would serve.
    pub fn handlers(&self) -> impl Iterator<Item = &Arc<Handler>> {
        self.next.folder.handlers()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.next.folder.config
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
