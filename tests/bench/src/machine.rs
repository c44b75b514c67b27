//! What the figures were measured on, in general terms.

use std::fs;
use std::process::Command;
use std::thread;

use crate::subjects::{aiohttp, nginx};
use crate::tool::Tools;
use crate::wrk::WRK;

/// A list for readers. What cannot be found out is left out.
pub(crate) fn describe(tools: &Tools) -> String {
    let mut lines = vec![format!("- {}", cpu())];
    if let Ok(release) = fs::read_to_string("/proc/sys/kernel/osrelease") {
        // What follows the version is the distributor's.
        lines.push(format!("- Linux {}", release.trim().split('-').next().unwrap_or_default()));
    }
    let versions = [
        version(Command::new("rustc").arg("--version")),
        nginx::NGINX.find().and_then(|path| version(Command::new(path).arg("-v"))),
        version(Command::new(&tools.wasmtime).arg("--version")),
        version(Command::new(&tools.python).args(["-I", "-c", aiohttp::VERSIONS])),
        WRK.find().and_then(|path| version(Command::new(path).arg("-v"))),
    ];
    lines.extend(versions.into_iter().flatten().map(|version| format!("- {version}")));
    lines.join("\n") + "\n"
}

/// Number and model of the CPUs, and whether they are virtual.
fn cpu() -> String {
    let count = thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim())
    };
    let model = field("model name").unwrap_or("of an unknown model");
    let is_virtual = field("flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
    let place = if is_virtual { " of a virtual machine" } else { "" };
    format!("{count} CPUs{place}, {model}")
}

/// The first line of what a program says of its version, on either stream: nginx
/// and wrk use stderr, and wrk then exits with 1.
fn version(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let line = String::from_utf8_lossy(&text).lines().next()?.to_owned();
    Some(line.split(" Copyright").next()?.trim().to_owned())
}
