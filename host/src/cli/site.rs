//! What `serve` and `check` have in common: from the configuration to a site.

use std::sync::Arc;

use crate::config::Config;
use crate::handlers::Engine;
use crate::handlers::folder::{Folder, Problem};
use crate::site::Site;
use crate::static_files::{Memory, Mount};

/// Everything that was loaded.
pub(super) struct Loaded {
    pub(super) engine: Arc<Engine>,
    pub(super) folder: Folder,
    pub(super) site: Site,
    /// Problems of mounts and of what the configuration names.
    pub(super) fatal: Vec<String>,
    /// Problems of dropped-in files.
    pub(super) tolerable: Vec<String>,
}

pub(super) fn load(config: &Config) -> anyhow::Result<Loaded> {
    let mut fatal = Vec::new();
    let mut mounts = Vec::new();
    let memory = Arc::new(Memory::new(&config.server.static_memory));
    for mount in &config.mounts {
        match Mount::open(mount.clone(), &memory) {
            Ok(mount) => mounts.push(Arc::new(mount)),
            Err(error) => fatal.push(error.to_string()),
        }
    }
    let engine = Engine::build(config)?;
    let (folder, site, problems) = Folder::load(engine.clone(), config.clone(), mounts);
    let mut tolerable = Vec::new();
    for problem in problems {
        let Problem { configured, handler, reason } = &problem;
        let text = if handler.is_empty() { reason.clone() } else { problem.to_string() };
        if *configured { fatal.push(text) } else { tolerable.push(text) }
    }
    Ok(Loaded { engine, folder, site, fatal, tolerable })
}
