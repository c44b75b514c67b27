//! Scenarios: a file each, or one for some that are much alike. A new one
//! is added to [`ALL`].

mod attacks;
mod awaiting;
mod demo1;
mod demo2;
mod echo;
mod handlers;
mod hello;
mod load_client;
mod route_match;
mod starts;
mod static_files;
mod streams;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::aim::{Aim, Bound};
use crate::load::Load;
use crate::request::Request;
use crate::series::Series;
use crate::subjects::Subject;
use crate::tool::Need;
use crate::wrk::WRK;

/// In the order they are run in.
pub(crate) static ALL: [&Scenario; 27] = [
    &hello::HELLO,
    &hello::HELLO_REUSE,
    &hello::HELLO_FRESH,
    &hello::HELLO_0_3,
    &hello::HELLO_0_3_REUSE,
    &hello::HELLO_0_3_FRESH,
    &hello::HELLO_0_2_FRESH,
    &hello::HELLO_HEADERS,
    &demo1::DEMO1,
    &demo2::DEMO2,
    &awaiting::AWAITING,
    &echo::ECHO_1K,
    &echo::ECHO_64K,
    &streams::UPLOAD_10M,
    &streams::DOWNLOAD_10M,
    &starts::COLD_START,
    &starts::DROP_IN,
    &starts::COMPILE_UNDER_LOAD,
    &attacks::SPINNING,
    &attacks::SLOW_HEADS,
    &handlers::MANY_HANDLERS,
    &handlers::IDLE_HANDLERS,
    &static_files::STATIC_1K,
    &static_files::STATIC_100K,
    &static_files::STATIC_100M,
    &route_match::ROUTE_MATCH,
    &load_client::LOAD_CLIENT,
];

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
fn no_files(folder: &Path) -> Result<PathBuf> {
    Ok(folder.to_owned())
}

/// What `--scenario` takes.
pub(crate) fn names() -> [&'static str; ALL.len()] {
    ALL.map(|scenario| scenario.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aim::Of;

    #[test]
    fn names_differ_and_aims_are_of_peers() {
        let mut names = names().to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for scenario in ALL {
            let Kind::Served(served) = &scenario.kind else { continue };
            for aim in served.aims {
                let Of::Peer(name) = aim.of else { continue };
                assert!(served.peers.iter().any(|peer| peer.name == name), "{}", scenario.name);
            }
        }
    }
}
