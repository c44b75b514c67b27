//! What `serve` and `check` have in common: from the configuration to a site.

use std::sync::Arc;

use crate::config::Config;
use crate::deploy::Folder;
use crate::follow::open_mounts;
use crate::handlers::{Engine, Loader};
use crate::site::Site;
use crate::static_files::Memory;

/// Everything that was loaded.
pub(super) struct Loaded {
    pub(super) engine: Arc<Engine>,
    pub(super) folder: Folder,
    pub(super) memory: Arc<Memory>,
    pub(super) site: Site,
    /// Problems of mounts and of what the configuration names.
    pub(super) fatal: Vec<String>,
    /// Problems of dropped-in files.
    pub(super) tolerable: Vec<String>,
}

pub(super) fn load(config: &Config) -> anyhow::Result<Loaded> {
    let memory = Arc::new(Memory::new(&config.server.static_memory));
    let (mounts, mut fatal) = open_mounts(config, &memory);
    let engine = Engine::build(config)?;
    let loader = Arc::new(Loader::new(engine.clone())?);
    let (folder, site, problems) = Folder::load(loader, config.clone(), mounts);
    let mut tolerable = Vec::new();
    for problem in problems {
        if problem.configured { &mut fatal } else { &mut tolerable }.push(problem.to_string());
    }
    Ok(Loaded { engine, folder, memory, site, fatal, tolerable })
}
