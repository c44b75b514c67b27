//! The command line of `cargo xtask bench`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser};

use crate::access_log::AccessLog;
use crate::scenarios::{self, Scenario};

/// What `--against` and `--quick` run where no scenario is chosen: a call, a call in a
/// fresh instance, a file.
const FEW: [&str; 3] = ["hello", "hello-fresh", "static-1k"];

/// How long `--quick` takes.
const QUICK: Duration = Duration::from_secs(600);

/// Measure Patchboard beside its peers; succeeds only if every aim is met for certain
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: Options,
    /// For xtask: print what has to be installed and built, and end
    #[arg(long, hide = true)]
    pub(crate) needs: bool,
}

/// What to measure, for how long, and where to write it.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Run this scenario only; any number of times [default: all; with --against or --quick: hello,
    /// hello-fresh and static-1k]
    #[arg(long = "scenario", value_name = "NAME", value_parser = PossibleValuesParser::new(scenarios::names()))]
    pub(crate) scenarios: Vec<String>,
    /// Measure Patchboard beside itself at this revision of git instead of beside its peers. It is
    /// built, as are its guests, in target/against, by the release profile of either revision, as
    /// users get it. Succeeds only if this one is no slower: of nine calm pairs, the middle half of
    /// the ratios includes 1 or lies below
    #[arg(long, value_name = "REV", conflicts_with = "markdown")]
    pub(crate) against: Option<String>,
    /// Take ten minutes at most once all is built, the same for each scenario; a scenario without
    /// enough calm pairs by then is inconclusive
    #[arg(long)]
    pub(crate) quick: bool,
    /// Write every run to this file, also those that the machine disturbed
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Put the tables between the `<!-- bench NAME -->` marks of this file, and the plots that it
    /// shows with them into tests/bench/plots beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Stop once there are so many calm pairs with each peer; fewer than five are inconclusive
    #[arg(long, value_name = "N", default_value_t = 9)]
    pub(crate) pairs: usize,
    /// Give up after so many rounds
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub(crate) rounds: u32,
    /// Discard a run in which other programs took more per cent of all CPU time. The kernel counts
    /// this in ticks, so a run of seconds may be off by a few per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    pub(crate) others: f64,
    /// Seconds of load in each run [default: the scenario's own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: Option<u32>,
    /// Whether the subjects write access logs, all of them to /dev/null
    #[arg(long, value_enum, value_name = "STATE", default_value = "off")]
    pub(crate) access_log: AccessLog,
}

impl Options {
    /// The scenarios that are to be run.
    pub(crate) fn chosen(&self) -> Vec<&'static Scenario> {
        let is_few = self.against.is_some() || self.quick;
        let is_chosen = |name: &str| match &self.scenarios[..] {
            [] => !is_few || FEW.contains(&name),
            chosen => chosen.iter().any(|chosen| chosen == name),
        };
        scenarios::ALL.into_iter().filter(|scenario| is_chosen(scenario.name)).collect()
    }

    /// When the first of so many scenarios has to be over, if the benchmark has begun at
    /// `started`.
    pub(crate) fn until(&self, started: Instant, scenarios: usize) -> Option<Instant> {
        let left = QUICK.saturating_sub(started.elapsed());
        self.quick.then(|| Instant::now() + left / u32::try_from(scenarios).unwrap_or(1).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Options {
        Arguments::parse_from(["bench"].iter().chain(arguments)).options
    }

    #[test]
    fn the_few_are_chosen_where_none_is_named() {
        let names = |arguments: &[&str]| -> Vec<_> {
            options(arguments).chosen().iter().map(|scenario| scenario.name).collect()
        };
        assert_eq!(names(&[]).len(), scenarios::ALL.len());
        for arguments in [&["--quick"][..], &["--against", "HEAD"], &["--against", "HEAD", "--quick"]] {
            assert_eq!(names(arguments), FEW);
        }
        assert_eq!(names(&["--quick", "--scenario", "echo-1k"]), ["echo-1k"]);
    }

    #[test]
    fn ten_minutes_are_shared() {
        let (started, quick) = (Instant::now(), options(&["--quick"]));
        assert_eq!(options(&[]).until(started, 1), None);
        let third = quick.until(started, 3).unwrap() - started;
        assert!((199.0..201.0).contains(&third.as_secs_f64()), "{third:?}");
        let last = quick.until(started, 1).unwrap() - started;
        assert!(last >= QUICK && last < QUICK + Duration::from_secs(1), "{last:?}");
    }
}
