//! What a scenario is.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::aim::{Aim, Bound};
use crate::load::Load;
use crate::measured::Series;
use crate::request::Request;
use crate::subjects::Subject;
use crate::tool::Need;
use crate::wrk::WRK;

/// Something to measure.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// In a few words.
    pub(crate) about: &'static str,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Served(Served),
    Series(Series),
    Criterion(Bench),
}

/// Servers under the same load.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) ours: &'static Subject,
    pub(crate) peers: &'static [&'static Subject],
    /// Makes the files they serve, in a folder for all scenarios, and gives where.
    pub(crate) site: fn(&Path) -> Result<PathBuf>,
    pub(crate) request: Request,
    /// How long the answer's body is.
    pub(crate) bytes: u64,
    pub(crate) load: Load,
    /// Of a run.
    pub(crate) seconds: u32,
    pub(crate) aims: &'static [Aim],
    /// How many handlers ours has, and its peer one, if the memory of each is of interest.
    pub(crate) each: Option<fn() -> usize>,
}

/// A benchmark of a crate, in criterion's own harness.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) package: &'static str,
    pub(crate) bench: &'static str,
    /// Nanoseconds that the median of a benchmark shall take, by its id.
    pub(crate) aim: (&'static str, Bound),
}

impl Scenario {
    pub(crate) fn needs(&self) -> Vec<Need> {
        let mut needs = self.needs_of_ours();
        if let Kind::Served(served) = &self.kind {
            needs.extend(served.peers.iter().flat_map(|peer| peer.needs));
        }
        needs
    }

    /// Without what its peers need.
    pub(crate) fn needs_of_ours(&self) -> Vec<Need> {
        let of_ours = match &self.kind {
            Kind::Criterion(_) => return Vec::new(),
            Kind::Series(series) => series.needs,
            Kind::Served(served) => served.ours.needs,
        };
        of_ours.iter().copied().chain([Need::Package(WRK)]).collect()
    }
}

/// For scenarios whose subjects serve no files.
pub(super) fn no_files(folder: &Path) -> Result<PathBuf> {
    Ok(folder.to_owned())
}
