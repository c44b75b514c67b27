//! The load: wrk, one thread, keep-alive; and what it reports.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::report::Report;
use crate::request::Request;
use crate::tool::Package;

pub(crate) const WRK: Package = Package { name: "wrk", program: "wrk" };

/// A request, again and again, over so many connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wrk<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) request: &'a Request,
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
}

impl Wrk<'_> {
    /// The script goes to `folder`.
    pub(crate) fn run(&self, folder: &Path) -> Result<Report> {
        let url = format!("http://{}{}", self.address, self.request.path(0));
        let output = Command::new(WRK.path()?)
            .args(["-t1", "--latency", "--timeout", "30s"])
            .arg(format!("-c{}", self.connections))
            .arg(format!("-d{}s", self.seconds))
            .arg("-s")
            .arg(self.request.script(folder)?)
            .arg(&url)
            .stdin(Stdio::null())
            .output()
            .context("could not start wrk")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("wrk failed ({}): {}{text}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        // A server that refuses or resets is fast: its figures would mislead.
        if let Some(line) = trouble(&text) {
            bail!("{url} did not answer as it should: {line}");
        }
        parse(&text).with_context(|| format!("could not read what wrk wrote:\n{text}"))
    }
}

/// The line that says that requests failed.
fn trouble(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.starts_with("Socket errors") || line.starts_with("Non-2xx"))
}

fn parse(text: &str) -> Option<Report> {
    let percentile =
        |share| text.lines().find_map(|line| time_us(line.trim().strip_prefix(share)?.trim_start()));
    // `  123456 requests in 3.00s, 150.12MB read`
    let summary = text.lines().find(|line| line.contains(" requests in "))?;
    let (requests, rest) = summary.trim().split_once(" requests in ")?;
    let (time, bytes) = rest.split_once(", ")?;
    Some(Report {
        requests: requests.parse().ok()?,
        bytes: bytes_of(bytes.strip_suffix(" read")?)?,
        seconds: time_us(time)? / 1e6,
        p50_us: percentile("50%")?,
        p99_us: percentile("99%")?,
        all_us: None,
    })
}

/// `810.00us`, `1.25ms`, `3.00s`, `1.05m`, `1.00h`
fn time_us(text: &str) -> Option<f64> {
    scaled(text, &[("us", 1.0), ("ms", 1e3), ("s", 1e6), ("m", 60e6), ("h", 3600e6)])
}

/// Bytes come in powers of 1024.
fn bytes_of(text: &str) -> Option<f64> {
    const K: f64 = 1024.0;
    scaled(text, &[("KB", K), ("MB", K * K), ("GB", K * K * K), ("TB", K * K * K * K), ("B", 1.0)])
}

fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    units.iter().find_map(|(unit, factor)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Running 1s test @ http://127.0.0.1:1/
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    43.38ms    7.17ms  48.02ms   95.60%
    Req/Sec    90.60     15.46   120.00     80.00%
  Latency Distribution
     50%  810.00us
     75%   44.38ms
     90%   47.95ms
     99%    1.05s 
  91 requests in 1.10s, 101.50KB read
Requests/sec:     90.57
Transfer/sec:    101.09KB
";

    #[test]
    fn a_report() {
        let expected = Report {
            requests: 91.0,
            bytes: 103_936.0,
            seconds: 1.1,
            p50_us: 810.0,
            p99_us: 1.05e6,
            all_us: None,
        };
        assert_eq!(parse(TEXT), Some(expected));
        assert_eq!(trouble(TEXT), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn failed_requests_are_noticed() {
        for line in
            ["  Socket errors: connect 0, read 3, write 0, timeout 0", "  Non-2xx or 3xx responses: 100"]
        {
            let text = TEXT.replace("Requests/sec", &format!("{line}\nRequests/sec"));
            assert_eq!(trouble(&text), Some(line.trim()));
        }
    }

    #[test]
    fn units() {
        for (text, us) in [("5.00us", 5.0), ("2.50ms", 2500.0), ("3.00s", 3e6), ("1.50m", 90e6)] {
            assert_eq!(time_us(text), Some(us), "{text}");
        }
        for (text, bytes) in [("512.00B", 512.0), ("1.50KB", 1536.0), ("2.00GB", 2_147_483_648.0)] {
            assert_eq!(bytes_of(text), Some(bytes), "{text}");
        }
        assert_eq!((time_us("1"), bytes_of("x B")), (None, None));
    }
}
