//! Patchboard itself, as `patchboard serve` of a release build.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{Running, Setting, Subject, WORKERS, free_address};

/// With one static mount, and its defaults otherwise.
pub(crate) const STATIC: Subject = Subject { name: "patchboard", packages: &[], start };

fn start(setting: &Setting<'_>) -> Result<Running> {
    let handlers = setting.folder.join("handlers");
    fs::create_dir_all(&handlers).context("could not create a folder")?;
    let file = setting.folder.join("patchboard.toml");
    let config = format!(
        "[server]\n\
         cores = {WORKERS}\n\
         access_log = \"{log}\"\n\
         handlers = {handlers:?}\n\
         \n\
         [[static]]\n\
         prefix = \"/\"\n\
         dir = {site:?}\n",
        log = setting.access_log.choose("text", "off"),
        site = setting.site,
    );
    fs::write(&file, config).with_context(|| format!("could not write {}", file.display()))?;
    let address = free_address()?;
    let mut command = Command::new(setting.server);
    command.args(["serve", "--log", "warn", "--listen", &address.to_string(), "--config"]).arg(file);
    // Variables of whoever runs the benchmark would win over the file.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PATCHBOARD_"))
    {
        command.env_remove(name);
    }
    // Where the access log goes, if it is on.
    Running::start(command.stdout(Stdio::null()), address)
}
