//! aiohttp on uvloop, a process a worker: `tests/bench/aiohttp_server.py`.

use std::path::Path;
use std::process::Stdio;

use anyhow::Result;

use super::{Running, Setting, Subject, WORKERS, command, free_address};
use crate::tool::Need;

pub(crate) const AIOHTTP: Subject = Subject { name: "aiohttp-uvloop", needs: &[Need::Python], start };

/// A program that says what takes part.
pub(crate) const VERSIONS: &str = "\
import aiohttp, platform, uvloop
print(f'Python {platform.python_version()}, aiohttp {aiohttp.__version__}, uvloop {uvloop.__version__}')
";

fn start(setting: &Setting<'_>) -> Result<Running> {
    let address = free_address()?;
    let mut command = command(&setting.tools.python);
    // Isolated from variables and from what the user has installed; UTF-8 in any locale.
    command.args(["-I", "-X", "utf8"]);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("aiohttp_server.py"));
    command.arg(address.port().to_string()).arg(WORKERS.to_string());
    command.arg(setting.access_log.choose("on", "off"));
    // Where the access log goes, if it is on.
    Running::start(command.stdout(Stdio::null()), address)
}
