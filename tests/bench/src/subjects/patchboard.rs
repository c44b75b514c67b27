//! Patchboard itself, as `patchboard serve` of a release build.

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result};

use super::{Running, Setting, Subject, WORKERS, command, free_address};

/// With one static mount, and its defaults otherwise.
pub(crate) const STATIC: Subject = Subject { name: "patchboard", packages: &[], start: serve_files };

/// `hello` in our own world, all calls in one instance a core: the default.
pub(crate) const HELLO: Subject =
    Subject { name: "patchboard", packages: &[], start: |setting| serve_hello(setting, "hello", "shared") };

/// Likewise, with a fresh instance for every call.
pub(crate) const HELLO_FRESH: Subject =
    Subject { name: "patchboard", packages: &[], start: |setting| serve_hello(setting, "hello", "request") };

/// The same source for `wasi:http/service@0.3`, as it is by default.
pub(crate) const HELLO_0_3: Subject = Subject {
    name: "patchboard",
    packages: &[],
    start: |setting| serve_hello(setting, "hello-wasi-http", "shared"),
};

fn serve_files(setting: &Setting<'_>) -> Result<Running> {
    let site = &setting.site;
    serve(setting, &format!("[[static]]\nprefix = \"/\"\ndir = {site:?}\n"))
}

/// Serves one component at `/`.
fn serve_hello(setting: &Setting<'_>, component: &str, isolation: &str) -> Result<Running> {
    let handlers = setting.folder.join("handlers");
    fs::create_dir_all(&handlers).context("could not create a folder")?;
    for old in fs::read_dir(&handlers)? {
        fs::remove_file(old?.path())?;
    }
    let mut built = setting.components.iter().map(|folder| folder.join(format!("{component}.wasm")));
    let from = built.find(|file| file.is_file()).with_context(|| format!("{component} is not built"))?;
    fs::copy(&from, handlers.join("hello.wasm"))
        .with_context(|| format!("could not copy {}", from.display()))?;
    serve(setting, &format!("[handlers.hello]\nroutes = [\"GET /\"]\nisolation = \"{isolation}\"\n"))
}

fn serve(setting: &Setting<'_>, tables: &str) -> Result<Running> {
    let handlers = setting.folder.join("handlers");
    fs::create_dir_all(&handlers).context("could not create a folder")?;
    let file = setting.folder.join("patchboard.toml");
    let config = format!(
        "[server]\n\
         cores = {WORKERS}\n\
         access_log = \"{log}\"\n\
         handlers = {handlers:?}\n\
         \n\
         {tables}",
        log = setting.access_log.choose("text", "off"),
    );
    fs::write(&file, config).with_context(|| format!("could not write {}", file.display()))?;
    let address = free_address()?;
    let mut command = command(setting.server);
    command.args(["serve", "--log", "warn", "--listen", &address.to_string(), "--config"]).arg(file);
    // Variables of whoever runs the benchmark would win over the file.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PATCHBOARD_"))
    {
        command.env_remove(name);
    }
    // Where the access log goes, if it is on.
    Running::start(command.stdout(Stdio::null()), address)
}
