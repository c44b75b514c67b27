//! hyper alone, which gives the same answer without any WebAssembly: the floor.

use std::process::{Command, Stdio};

use anyhow::Result;

use super::{Running, Setting, Subject, WORKERS, free_address};

pub(crate) const NATIVE: Subject = Subject { name: "native-hyper", needs: &[], start };

fn start(setting: &Setting<'_>) -> Result<Running> {
    let address = free_address()?;
    let mut command = Command::new(&setting.tools.native);
    command.arg(address.to_string()).arg(WORKERS.to_string());
    Running::start(command.stdout(Stdio::null()), address)
}
