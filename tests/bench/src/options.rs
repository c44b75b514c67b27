//! The command line of `cargo xtask bench`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, ValueEnum};

use crate::scenarios::{self, Scenario};

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
    /// Run this scenario only; any number of times [default: all]
    #[arg(long = "scenario", value_name = "NAME", value_parser = PossibleValuesParser::new(scenarios::names()))]
    pub(crate) scenarios: Vec<String>,
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

/// Whether the subjects write access logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccessLog {
    On,
    Off,
}

impl Options {
    /// The scenarios that are to be run.
    pub(crate) fn chosen(&self) -> Vec<&'static Scenario> {
        let names = &self.scenarios;
        let is_chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
        scenarios::ALL.into_iter().filter(|scenario| is_chosen(scenario.name)).collect()
    }
}

impl AccessLog {
    /// One of two words, as configurations have it.
    pub(crate) fn choose<T>(self, on: T, off: T) -> T {
        match self {
            Self::On => on,
            Self::Off => off,
        }
    }
}
