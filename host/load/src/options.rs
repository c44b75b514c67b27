//! The command line of `patchboard load`, as it was written; `plan` checks it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Examples:
  Ten rounds of 20 uploads at once, three seconds apart:
    patchboard load :8080/upload -F image_id=2 -F image=@photo.jpg -c 20 --rounds 10
  A fixed rate, with a page of plots:
    patchboard load http://127.0.0.1:8080/ --rate 5000 --duration 30s --html run.html
  The highest rate at which 99 % take at most 20 ms:
    patchboard load http://127.0.0.1:8080/ --max-p99 20ms
  Two servers in turns:
    patchboard load http://127.0.0.1:8080/ --vs http://127.0.0.1:8081/

:PORT is short for http://127.0.0.1:PORT.";

/// Arguments of `load`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_long_help = EXAMPLES)]
pub struct Load {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Compare two runs that were written with --json, and say which differences are noise
    Compare(CompareOptions),
}

/// Arguments of `load compare`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompareOptions {
    /// The run to compare with
    #[arg(value_name = "A.json")]
    pub(crate) a: PathBuf,
    /// The run whose ratios to it are of interest
    #[arg(value_name = "B.json")]
    pub(crate) b: PathBuf,
}

/// Arguments of a run.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunOptions {
    /// What to load; http:// may be left out, and :8080 is this machine. Several take turns
    #[arg(value_name = "URL", required_unless_present = "requests_file")]
    pub(crate) urls: Vec<String>,

    /// The method [default: GET, or POST where there is a body]
    #[arg(short = 'X', long, value_name = "METHOD", help_heading = "Request")]
    pub(crate) method: Option<String>,
    /// A header field, "NAME: VALUE"; any number of times
    #[arg(short = 'H', long = "header", value_name = "FIELD", help_heading = "Request")]
    pub(crate) headers: Vec<String>,
    /// The body
    #[arg(short, long, value_name = "TEXT", conflicts_with_all = ["data_file", "form"], help_heading = "Request")]
    pub(crate) data: Option<String>,
    /// The body, from a file, or from standard input (-); sent as it is, without templates
    #[arg(long, value_name = "FILE", conflicts_with = "form", help_heading = "Request")]
    pub(crate) data_file: Option<PathBuf>,
    /// A field of a multipart form, NAME=TEXT, or a file, NAME=@FILE; any number of times
    #[arg(short = 'F', long, value_name = "NAME=VALUE", help_heading = "Request")]
    pub(crate) form: Vec<String>,
    /// Requests from a TOML file, a table [[request]] each
    ///
    /// Its keys are url (or a path, where one URL is given), method, headers (a list of "NAME: VALUE"),
    /// body, body_file or form (a list of NAME=VALUE), weight (how often it comes, beside the others),
    /// name, expect_status and expect_body.
    #[arg(long, value_name = "FILE", help_heading = "Request")]
    pub(crate) requests_file: Option<PathBuf>,
    /// Send {{seq}}, {{uuid}} and the like as they are
    ///
    /// Otherwise, in URLs, header fields, texts and form fields, {{seq}} is the request's number, from 0
    /// on, {{uuid}} a random UUID, {{time}} milliseconds since 1970, {{random:a,b,c}} one of these words
    /// and {{random:1..100}} one of these numbers.
    #[arg(long, help_heading = "Request")]
    pub(crate) no_templates: bool,

    /// How many requests are under way at once at most, each on a connection of its own
    /// [default: 10; with --rate 100]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Load")]
    pub(crate) concurrency: Option<u32>,
    /// Stop after so many requests [default: with a duration, 100 million]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000), help_heading = "Load")]
    pub(crate) requests: Option<u64>,
    /// Send requests for so long; those under way are then waited for [default: 10s; with --requests, at most 10min]
    #[arg(short = 't', long, value_name = "TIME", value_parser = duration, help_heading = "Load")]
    pub(crate) duration: Option<Duration>,
    /// Send as many requests as --concurrency all at once, so many times
    #[arg(long, value_name = "N", conflicts_with_all = ["requests", "duration", "rate"], value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Load")]
    pub(crate) rounds: Option<u32>,
    /// Between two rounds [default: 3s]
    #[arg(long, value_name = "TIME", requires = "rounds", value_parser = duration, help_heading = "Load")]
    pub(crate) pause: Option<Duration>,
    /// Send so many requests a second, whether answers come or not (open loop)
    ///
    /// Latency is from when a request was due, so a server that stalls cannot hide it. Where no
    /// connection is free, requests wait for one, and that is latency, too: --concurrency is to be
    /// more than there are under way.
    #[arg(short, long, value_name = "N", value_parser = rate, help_heading = "Load")]
    pub(crate) rate: Option<f64>,
    /// Find the highest rate at which 99 % take no longer than this
    ///
    /// From --rate, or 100 a second, it is doubled as long as it holds, then the interval is halved
    /// until it is within 5 %. A rate holds if at most 1 % fail, and 97 % are answered in time.
    #[arg(long, value_name = "TIME", conflicts_with_all = ["requests", "duration", "rounds", "vs"], value_parser = duration, help_heading = "Load")]
    pub(crate) max_p99: Option<Duration>,
    /// How long each rate is tried, with --max-p99, or each URL in turn, with --vs
    /// [default: 5s and 1s]
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Load")]
    pub(crate) step: Option<Duration>,
    /// Load this URL in turns with the other, and print the ratios
    ///
    /// In steps of --step, for --duration in all [default: 20s], so that whatever the machine does
    /// meanwhile happens to both.
    #[arg(long, value_name = "URL", conflicts_with_all = ["requests", "rounds", "requests_file", "json", "html"], help_heading = "Load")]
    pub(crate) vs: Option<String>,
    /// Before measuring, do the same for so long without counting it [default: a tenth of --step]
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Load")]
    pub(crate) warm_up: Option<Duration>,
    /// Threads of the client [default: half of the CPUs; the server may need the others]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024), help_heading = "Load")]
    pub(crate) threads: Option<u32>,

    /// Use each connection for one request
    #[arg(long, help_heading = "Connection")]
    pub(crate) no_keep_alive: bool,
    /// Speak HTTP/2: over TLS, or at once where the URL is http:// (h2c)
    #[arg(long, help_heading = "Connection")]
    pub(crate) http2: bool,
    /// How long a request may take, with connecting; with --rate, also how long it may wait to be sent
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration, help_heading = "Connection")]
    pub(crate) timeout: Duration,
    /// Trust these certificates (PEM) instead of the usual authorities
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub(crate) cacert: Option<PathBuf>,
    /// Take any certificate
    #[arg(long, conflicts_with = "cacert", help_heading = "Connection")]
    pub(crate) insecure: bool,
    /// Load addresses that are neither loopback nor private; a load on somebody else's is an attack
    #[arg(long, help_heading = "Connection")]
    pub(crate) yes_i_own_this_host: bool,

    /// Statuses that are no failure, for example 201 or 200-204,404
    #[arg(long, value_name = "LIST", default_value = "200-399", help_heading = "Checks")]
    pub(crate) expect_status: String,
    /// Text that the body of each response must contain
    #[arg(long, value_name = "TEXT", help_heading = "Checks")]
    pub(crate) expect_body: Option<String>,
    /// The body must be JSON, with this value at this place, as in --expect-json=/files/0/size=1024
    ///
    /// Without a value it must only be there, without a pointer only be JSON. Any number of times.
    #[arg(long, value_name = "POINTER[=VALUE]", num_args = 0..=1, require_equals = true, default_missing_value = "", help_heading = "Checks")]
    pub(crate) expect_json: Vec<String>,

    /// Write the figures to this file, for `load compare` and for programs
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// Write a report with plots to this file: one page, which needs nothing else
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,
    /// Print every latency of each round, sorted
    #[arg(long, requires = "rounds", help_heading = "Output")]
    pub(crate) list: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let found = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number with its unit, for example 500ms, 10s or 2min"))?;
    if found > Duration::from_secs(24 * 3600) {
        return Err("more than a day; use 24h at most".to_owned());
    }
    Ok(found)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("not a number of requests a second; use 0.001 to 10000000".to_owned()),
    }
}
