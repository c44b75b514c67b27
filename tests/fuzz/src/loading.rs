//! Loading a component as the handlers folder does, with limits that suit a fuzzer: the
//! targets of components go by way of it.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use patchboard_server::config::{Config, HandlerConfig, Limits, Source};
use patchboard_server::handlers::{Engine, Handler, LoadError, Loader, Outside};

/// Few instances, since each has its address space, and nothing is written to a disk.
const CONFIG: &str = "[server]\nhandlers = \".\"\ninstances = 8\ncode_cache = \"off\"\n";

thread_local! {
    static LOADER: Loader = match loader() {
        Ok(loader) => loader,
        Err(error) => panic!("could not build the engine: {error}"),
    };
}

fn loader() -> anyhow::Result<Loader> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("patchboard.toml");
    fs::write(&file, CONFIG)?;
    let config = Config::load(&Source { file: Some(file), ..Source::default() })?;
    Loader::new(Engine::build(&config, Outside::default())?)
}

/// Loads `bytes` as the handler `fuzz`.
pub(crate) fn load(bytes: &[u8]) -> Result<Arc<Handler>, LoadError> {
    let limits =
        Limits { memory_bytes: 32 << 20, cpu_timeout: Duration::from_millis(200), ..Limits::default() };
    let mut config = HandlerConfig::default();
    config.limits = limits;
    LOADER.with(|loader| loader.load("fuzz", bytes, &config, None, &|_| {}))
}
