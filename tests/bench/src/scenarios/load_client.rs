//! `patchboard load` beside wrk, one thread each, in turns on the same server: a load
//! client that is slow measures itself.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::scenario::{Kind, Scenario};
use crate::aim::Bound;
use crate::measured::{Sample, Series};
use crate::request::Request;
use crate::subjects::{Setting, command, native};
use crate::tool::Need;
use crate::wrk::Wrk;

pub(crate) static LOAD_CLIENT: Scenario = Scenario {
    name: "load-client",
    about: "`patchboard load` and wrk in turns on hyper alone, 32 connections, one thread each",
    kind: Kind::Series(Series {
        measure,
        needs: &[Need::Native],
        value: "times the requests/s of wrk",
        bound: Bound::AtLeast(0.8),
    }),
};

const CONNECTIONS: u32 = 32;
const SECONDS: u32 = 3;

/// What is read of the client's JSON.
#[derive(Debug, Deserialize)]
struct Run {
    requests_per_second: f64,
    latency: Latency,
}

#[derive(Debug, Deserialize)]
struct Latency {
    p50_ms: f64,
}

fn measure(setting: &Setting<'_>) -> Result<Sample> {
    let server = (native::NATIVE.start)(setting)?;
    let request = Request::get("/");
    let wrk =
        Wrk { address: server.address(), request: &request, connections: CONNECTIONS, seconds: SECONDS };
    let theirs = wrk.run(&setting.folder)?;
    let file = setting.folder.join("load.json");
    let ours = load(setting, &format!("http://{}/", server.address()), &file)?;
    let rate = theirs.requests / theirs.seconds;
    Ok(Sample { value: ours.requests_per_second / rate, us: ours.latency.p50_ms * 1e3 })
}

fn load(setting: &Setting<'_>, url: &str, file: &Path) -> Result<Run> {
    let status = command(&setting.tools.server)
        .args(["load", url, "--threads", "1", "--concurrency", &CONNECTIONS.to_string()])
        .args(["--duration", &format!("{SECONDS}s"), "--json"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("could not start `patchboard load`")?;
    if !status.success() {
        bail!("`patchboard load {url}` ended with {status}");
    }
    let text = fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("could not read what is in {}", file.display()))
}
