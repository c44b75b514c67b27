//! hyper alone, which gives the same answer without any WebAssembly: the floor.

use std::process::{Command, Stdio};

use anyhow::Result;

use super::{Running, Setting, Subject, WORKERS, free_address};
use crate::tool::Need;

pub(crate) const NATIVE: Subject = Subject { name: "native-hyper", needs: &[Need::Native], start };

/// Asks another for each answer, as the demo's handler `demo2` does.
pub(crate) const NATIVE_DEMO2: Subject =
    Subject { name: "native-hyper-demo2", needs: &[Need::Native], start: start_demo2 };

pub(crate) fn start(setting: &Setting<'_>) -> Result<Running> {
    run(setting, &[])
}

fn start_demo2(setting: &Setting<'_>) -> Result<Running> {
    let other = start(setting)?;
    Ok(run(setting, &[format!("http://{}", other.address())])?.asking(other))
}

fn run(setting: &Setting<'_>, arguments: &[String]) -> Result<Running> {
    let address = free_address()?;
    let mut command = Command::new(&setting.tools.native);
    command.arg(address.to_string()).arg(WORKERS.to_string()).args(arguments);
    Running::start(command.stdout(Stdio::null()), address)
}
