//! From what was written on the command line to what is run: checked, with all that is
//! wrong said at once.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::client::{Protocol, Trust, tls_config};
use crate::options::RunOptions;
use crate::origin::{Origin, Reach, Url};
use crate::request::{Body, Defaults, Draft, Expect, Form, ParseText, Prepared, Reuse, Template, read_file};

/// Without `--duration`: of a run, and of one that `--requests` ends.
const DURATION: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(600);
/// Without `--requests`.
const REQUESTS: u64 = 100_000_000;
const PAUSE: Duration = Duration::from_secs(3);
/// Without `--concurrency`, in a closed and in an open loop: in the latter a request
/// that finds no free connection is late through no fault of the server's.
const CONCURRENCY: u32 = 10;
const OPEN_CONCURRENCY: u32 = 100;
/// For all that is open besides connections.
const OTHER_FILES: u64 = 64;

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) requests: Arc<[Prepared]>,
    /// Which request comes when, again and again.
    turns: Arc<[u16]>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) protocol: Protocol,
    pub(crate) reuse: Reuse,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) shape: Shape,
    pub(crate) concurrency: u32,
    pub(crate) threads: u32,
    pub(crate) timeout: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) most_requests: u64,
    pub(crate) duration: Duration,
    /// What is loaded, for people.
    pub(crate) target: String,
}

/// When requests are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// When the one before is answered.
    Closed,
    /// When they are due, so many a second.
    Open { rate: f64 },
    /// All at once, again and again.
    Rounds { rounds: u32, pause: Duration },
}

impl Plan {
    /// Checks everything; gives all that is wrong, a line each.
    pub(crate) fn build(options: &RunOptions, urls: &[String]) -> Result<Self, String> {
        let mut problems = Vec::new();
        let text: ParseText = if options.no_templates { as_it_is } else { Template::parse };
        let drafts = drafts(options, urls, text).unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        let target = describe(&drafts);
        let reach = if options.yes_i_own_this_host { Reach::Anywhere } else { Reach::Private };
        let reuse = if options.no_keep_alive { Reuse::Close } else { Reuse::KeepAlive };
        let (mut origins, mut requests) = (Vec::new(), Vec::new());
        for draft in drafts {
            let prepared =
                origin(&mut origins, &draft.url, reach).and_then(|index| draft.prepare(index, reuse, text));
            match prepared {
                Ok(prepared) => requests.push(prepared),
                Err(problem) if problems.contains(&problem) => {}
                Err(problem) => problems.push(problem),
            }
        }
        let shape = shape(options);
        let concurrency = options.concurrency.unwrap_or(match shape {
            Shape::Open { .. } => OPEN_CONCURRENCY,
            Shape::Closed | Shape::Rounds { .. } => CONCURRENCY,
        });
        problems.extend(allow_files(concurrency).err());
        if options.vs.is_some() && urls.len() > 1 {
            problems.push("--vs with several URLs; give one, to be compared with it".to_owned());
        }
        if options.vs.is_some() && options.data_file.as_deref().is_some_and(is_stdin) {
            problems
                .push("--vs with standard input, which is read once; put the body into a file".to_owned());
        }
        if options.http2 && options.no_keep_alive {
            problems.push("--no-keep-alive is of HTTP/1.1; leave it or --http2 out".to_owned());
        }
        let protocol = if options.http2 { Protocol::Http2 } else { Protocol::Http1 };
        let trust = match (&options.cacert, options.insecure) {
            (_, true) => Trust::Anyone,
            (Some(path), _) => Trust::File(path),
            (None, _) => Trust::Authorities,
        };
        let alpn = if options.http2 { "h2" } else { "http/1.1" };
        let tls = match tls_config(trust, &[alpn]) {
            Ok(tls) if problems.is_empty() => tls,
            Ok(_) => return Err(problems.join("\n")),
            Err(problem) => {
                problems.push(problem);
                return Err(problems.join("\n"));
            }
        };
        let default = if options.requests.is_some() { LONGEST } else { DURATION };
        Ok(Self {
            turns: turns(&requests),
            requests: requests.into(),
            origins,
            protocol,
            reuse,
            tls,
            shape,
            concurrency,
            threads: options.threads.unwrap_or_else(threads).min(concurrency),
            timeout: options.timeout,
            warm_up: options.warm_up.unwrap_or_default(),
            most_requests: options.requests.unwrap_or(REQUESTS),
            duration: options.duration.unwrap_or(default),
            target,
        })
    }

    /// The same as one of several short runs, in which connecting shall not count.
    pub(crate) fn step(&self, duration: Duration) -> Self {
        let warm_up = if self.warm_up.is_zero() { duration / 10 } else { self.warm_up };
        Self { duration, warm_up, ..self.clone() }
    }

    /// The request whose turn it is.
    pub(crate) fn turn(&self, seq: u64) -> usize {
        // There is at least one turn, and `turns` has 16 bits for each.
        let at = seq.checked_rem(self.turns.len() as u64).unwrap_or(0);
        self.turns.get(at as usize).copied().map_or(0, usize::from)
    }

    /// For people, in half a line.
    pub(crate) fn describe(&self) -> String {
        let connections = match self.reuse {
            Reuse::KeepAlive => "",
            Reuse::Close => ", a connection for each request",
        };
        let protocol = match self.protocol {
            Protocol::Http1 => "",
            Protocol::Http2 => ", HTTP/2",
        };
        let n = self.concurrency;
        let what = match self.shape {
            Shape::Closed => format!("{n} at once"),
            Shape::Open { rate } => format!("{rate} requests/s by up to {n} connections"),
            Shape::Rounds { rounds, pause } => {
                format!("{rounds} rounds of {n} at once, {} apart", humantime::format_duration(pause))
            }
        };
        let threads =
            if self.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", self.threads) };
        format!("{what}{protocol}{connections}, {threads}")
    }
}

fn as_it_is(text: &str) -> Result<Template, String> {
    Ok(Template::fixed(text.to_owned()))
}

fn threads() -> u32 {
    let cpus = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cpus / 2).unwrap_or(1).max(1)
}

fn shape(options: &RunOptions) -> Shape {
    match (options.rounds, options.rate) {
        (Some(rounds), _) => Shape::Rounds { rounds, pause: options.pause.unwrap_or(PAUSE) },
        (None, Some(rate)) => Shape::Open { rate },
        (None, None) => Shape::Closed,
    }
}

fn describe(drafts: &[Draft]) -> String {
    match drafts {
        [] => String::new(),
        [draft, rest @ ..] => {
            let url = &draft.url;
            let first = format!("{}://{}{}", url.scheme.name(), url.authority, url.target);
            if rest.is_empty() { first } else { format!("{first} and {} more", rest.len()) }
        }
    }
}

/// The requests that are asked for.
fn drafts(options: &RunOptions, urls: &[String], text: ParseText) -> Result<Vec<Draft>, Vec<String>> {
    let one = |problem: String| vec![problem];
    let expect = Expect::parse(&options.expect_status, options.expect_body.as_deref(), &options.expect_json)
        .map_err(one)?;
    let parsed: Vec<Result<Url, String>> = urls.iter().map(|url| Url::parse(url)).collect();
    let (urls, problems): (Vec<_>, Vec<_>) = parsed.into_iter().partition(Result::is_ok);
    let problems: Vec<_> = problems.into_iter().filter_map(Result::err).collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let urls: Vec<_> = urls.into_iter().flatten().collect();
    if let Some(path) = &options.requests_file {
        let base = match urls.as_slice() {
            [] => None,
            [url] => Some(url.clone()),
            _ => {
                return Err(one(
                    "several URLs with --requests-file; give one, for the paths in it".to_owned()
                ));
            }
        };
        if options.data.is_some() || options.data_file.is_some() || !options.form.is_empty() {
            return Err(one("a body beside --requests-file; write it into that file".to_owned()));
        }
        let defaults = Defaults {
            base,
            headers: &options.headers,
            expect_status: &options.expect_status,
            expect_body: options.expect_body.as_deref(),
            expect_json: &options.expect_json,
            text,
        };
        return read_file(path, &defaults);
    }
    let body = match (&options.data, &options.data_file) {
        (Some(data), _) => Some(text(data).map_err(|error| one(format!("--data: {error}")))?),
        (None, Some(path)) => Some(Template::fixed(read_body(path).map_err(one)?)),
        (None, None) => None,
    };
    let mut drafts = Vec::new();
    for url in urls {
        let body = match &body {
            Some(template) => Some(Body::Plain(template.clone())),
            None if options.form.is_empty() => None,
            None => Some(Body::Form(Form::encode(&options.form, text).map_err(one)?)),
        };
        drafts.push(Draft {
            name: None,
            weight: 1,
            url,
            method: options.method.clone(),
            fields: options.headers.clone(),
            body,
            expect: expect.clone(),
        });
    }
    Ok(drafts)
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn read_body(path: &Path) -> Result<Vec<u8>, String> {
    if is_stdin(path) {
        let mut body = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut body);
        return read
            .map(|_| body)
            .map_err(|error| format!("could not read standard input: {error}; pipe a file"));
    }
    fs::read(path).map_err(|error| format!("could not read {}: {error}; check the path", path.display()))
}

/// Where the URL's origin is in the list, to which it is added.
fn origin(origins: &mut Vec<Origin>, url: &Url, reach: Reach) -> Result<usize, String> {
    let known =
        origins.iter().position(|origin| origin.scheme == url.scheme && origin.authority == url.authority);
    if let Some(index) = known {
        return Ok(index);
    }
    origins.push(Origin::resolve(url, reach)?);
    Ok(origins.len() - 1)
}

/// Spreads each request evenly, as often as its weight says: the one that is furthest
/// behind its share is next.
fn turns(requests: &[Prepared]) -> Arc<[u16]> {
    let total: u32 = requests.iter().map(|request| request.weight).sum();
    let mut credit = vec![0_i64; requests.len()];
    let next = |_| {
        for (credit, request) in credit.iter_mut().zip(requests) {
            *credit += i64::from(request.weight);
        }
        let best = (0..credit.len()).rev().max_by_key(|index| credit.get(*index).copied()).unwrap_or(0);
        if let Some(credit) = credit.get_mut(best) {
            *credit -= i64::from(total);
        }
        u16::try_from(best).unwrap_or(0)
    };
    (0..total).map(next).collect()
}

/// Raises the limit of open files as far as it is needed.
fn allow_files(concurrency: u32) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let needed = u64::from(concurrency) + OTHER_FILES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if let Some(most) = limit.maximum.filter(|most| *most < needed) {
        return Err(format!(
            "{concurrency} connections need more open files than the {most} that are allowed; raise the hard \
             limit (ulimit -Hn {needed}), or use a --concurrency of at most {}",
            most.saturating_sub(OTHER_FILES)
        ));
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: limit.maximum })
        .map_err(|error| format!("could not raise the limit of open files: {error}; try ulimit -n {needed}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        run: RunOptions,
    }

    fn build(line: &str) -> Result<Plan, String> {
        let run = Cli::try_parse_from(std::iter::once("load").chain(line.split_whitespace()))
            .map_err(|error| error.to_string())?
            .run;
        Plan::build(&run, &run.urls)
    }

    #[test]
    fn it_is_bounded_by_default() {
        for (line, requests, seconds) in [
            ("127.0.0.1", 100_000_000, 10),
            ("127.0.0.1 -n 7", 7, 600),
            ("127.0.0.1 -t 1h", 100_000_000, 3600),
            ("127.0.0.1 -n 7 -t 2s", 7, 2),
        ] {
            let plan = build(line).unwrap();
            assert_eq!((plan.most_requests, plan.duration.as_secs()), (requests, seconds), "{line}");
        }
    }

    #[test]
    fn shapes() {
        let seconds = Duration::from_secs;
        for (line, shape, concurrency) in [
            ("127.0.0.1", Shape::Closed, 10),
            ("127.0.0.1 -r 50.5", Shape::Open { rate: 50.5 }, 100),
            ("127.0.0.1 --rounds 4 -c 3", Shape::Rounds { rounds: 4, pause: seconds(3) }, 3),
            ("127.0.0.1 --rounds 4 --pause 1s", Shape::Rounds { rounds: 4, pause: seconds(1) }, 10),
        ] {
            let plan = build(line).unwrap();
            assert_eq!((plan.shape, plan.concurrency), (shape, concurrency), "{line}");
        }
    }

    #[test]
    fn turns_follow_weights_and_are_spread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.toml");
        fs::write(&path, "[[request]]\nurl='/a'\nweight=1\n[[request]]\nurl='/b'\nweight=3\n").unwrap();
        let plan = build(&format!("127.0.0.1:1 --requests-file {}", path.display())).unwrap();
        let turns: Vec<_> = (0..8).map(|seq| plan.turn(seq)).collect();
        assert_eq!(turns, [1, 0, 1, 1, 1, 0, 1, 1]);
        assert_eq!(plan.origins.len(), 1);
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let error = build("8.8.8.8 8.8.4.4 --http2 --no-keep-alive --cacert /no/such").unwrap_err();
        let lines: Vec<_> = error.lines().collect();
        for part in ["8.8.8.8 is", "8.8.4.4 is", "--no-keep-alive is of HTTP/1.1", "--cacert /no/such"] {
            assert!(lines.iter().any(|line| line.contains(part)), "{part}: {error}");
        }
        for (line, part) in [
            ("127.0.0.1 -t 5", "write a number with its unit"),
            ("127.0.0.1 -r 0", "requests a second"),
            ("127.0.0.1 --expect-status ok", "is no status"),
            ("127.0.0.1 --data-file /no/such", "could not read /no/such"),
            ("127.0.0.1 -d {{x}}", "--data: there is no {{x}}"),
            ("127.0.0.1 127.0.0.2 --requests-file x", "give one, for the paths in it"),
            ("127.0.0.1 127.0.0.2 --vs 127.0.0.3", "--vs with several URLs"),
            ("", "<URL>"),
        ] {
            let error = build(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
        assert!(build("127.0.0.1 -d {{x}} --no-templates").is_ok());
    }
}
