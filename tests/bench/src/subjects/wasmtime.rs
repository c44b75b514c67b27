//! `wasmtime serve`, of the same version as ours and with the same component, and its
//! defaults: a fresh instance for every request of `wasi:http` 0.2; of 0.3 an instance
//! for 128 requests, 16 of them at once.

use std::fs::File;
use std::process::Stdio;

use anyhow::{Context, Result};

use super::{Running, Setting, Subject, WORKERS, command, free_address};
use crate::tool::Need;

/// `hello` for `wasi:http/service@0.3`.
pub(crate) const HELLO_0_3: Subject = Subject {
    name: "wasmtime-serve",
    needs: &[Need::Wasmtime],
    start: |setting| start(setting, "hello-wasi-http"),
};

/// A hello for `wasi:http/proxy@0.2`.
pub(crate) const HELLO_0_2: Subject =
    Subject { name: "wasmtime-serve", needs: &[Need::Wasmtime], start: |setting| start(setting, "p2-hello") };

fn start(setting: &Setting<'_>, component: &str) -> Result<Running> {
    let address = free_address()?;
    let mut command = command(&setting.tools.wasmtime);
    // Rust's library imports more than the worlds of `wasi:http` have (`-S cli`). There
    // is no access log.
    command.args(["serve", "-S", "cli", "-W", "component-model-async", "--addr", &address.to_string()]);
    command.arg(setting.component(component)?).env("TOKIO_WORKER_THREADS", WORKERS.to_string());
    // It says a line for each connection that is closed while a request is under way.
    let log = setting.folder.join("stderr");
    let stderr = File::create(&log).with_context(|| format!("could not write {}", log.display()))?;
    Running::start(command.stdout(Stdio::null()).stderr(stderr), address)
        .with_context(|| format!("what it said is in {}", log.display()))
}
