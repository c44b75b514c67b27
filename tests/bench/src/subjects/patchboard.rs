//! Patchboard itself, as `patchboard serve` of a release build.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use anyhow::{Context, Result};

use super::{Running, Setting, Subject, WORKERS, command, free_address, native};
use crate::burst::allow_files;
use crate::process;
use crate::tool::Need;

const NAME: &str = "patchboard";

/// With one static mount, and its defaults otherwise.
pub(crate) const STATIC: Subject = Subject { name: NAME, needs: &[], start: serve_files };

/// `hello` in our own world, all calls in one instance a core: the default.
pub(crate) const HELLO: Subject = ours(|setting| serve_hello(setting, "hello", "shared"));

/// Likewise, one call at a time in each instance.
pub(crate) const HELLO_REUSE: Subject = ours(|setting| serve_hello(setting, "hello", "reuse"));

/// Likewise, with a fresh instance for every call.
pub(crate) const HELLO_FRESH: Subject = ours(|setting| serve_hello(setting, "hello", "request"));

/// The same source for `wasi:http/service@0.3`, as it is by default.
pub(crate) const HELLO_0_3: Subject = ours(|setting| serve_hello(setting, "hello-wasi-http", "shared"));

/// Likewise, one call at a time in each instance.
pub(crate) const HELLO_0_3_REUSE: Subject = ours(|setting| serve_hello(setting, "hello-wasi-http", "reuse"));

/// Likewise, with a fresh instance for every call.
pub(crate) const HELLO_0_3_FRESH: Subject =
    ours(|setting| serve_hello(setting, "hello-wasi-http", "request"));

/// A hello for `wasi:http/proxy@0.2`, with a fresh instance for every call.
pub(crate) const HELLO_0_2_FRESH: Subject = ours(serve_hello_0_2);

/// The demo's handler that awaits a form. It brings its route.
pub(crate) const DEMO1: Subject = ours(|setting| serve_as_it_is(setting, "demo1"));

/// The demo's handler that asks another server, here hyper alone.
pub(crate) const DEMO2: Subject = Subject { name: NAME, needs: &[Need::Native], start: serve_demo2 };

/// The handler of the benchmark's own work. It brings its routes.
pub(crate) const WORK: Subject = ours(|setting| serve_as_it_is(setting, "work"));

/// `hello`, and beside it a guest that misbehaves, whose calls may take for ever.
pub(crate) const HELLO_AND_ILL: Subject = ours(serve_hello_and_ill);

/// Ten handlers, of all worlds.
pub(crate) const TEN: Subject = ours(serve_ten);

/// As many copies of `hello` as [`MANY`] says, at `/0` and so on.
pub(crate) const HELLO_MANY: Subject = ours(|setting| serve_copies(setting, MANY));

pub(crate) const MANY: usize = 100;

/// Copies of `hello`, of which only `/0` is asked for.
pub(crate) const HELLO_IDLE: Subject = ours(|setting| serve_copies(setting, idle_handlers()));

/// One copy of `hello`, which has the routes that [`HELLO_MANY`] has together.
pub(crate) const HELLO_ONE: Subject =
    Subject { name: "patchboard-one-handler", needs: &[], start: serve_one };

/// How many handlers [`HELLO_IDLE`] has: [`MOST_IDLE`] where there is the memory for them.
pub(crate) fn idle_handlers() -> usize {
    // Once, as there is less when they have been started.
    static COUNT: LazyLock<usize> = LazyLock::new(|| {
        let fitting = process::available_bytes().map_or(0, |bytes| bytes / IDLE_BYTES_EACH);
        usize::try_from(fitting).unwrap_or_default().clamp(2, MOST_IDLE)
    });
    *COUNT
}

/// Each has a few mappings of memory, of which Linux allows a process 65,530.
const MOST_IDLE: usize = 10_000;

/// More than a small handler takes.
const IDLE_BYTES_EACH: u64 = 2 << 20;

const fn ours(start: fn(&Setting<'_>) -> Result<Running>) -> Subject {
    Subject { name: NAME, needs: &[], start }
}

fn serve_files(setting: &Setting<'_>) -> Result<Running> {
    let site = &setting.site;
    serve(setting, &format!("[[static]]\nprefix = \"/\"\ndir = {site:?}\n"))
}

/// Serves one component at `/`.
fn serve_hello(setting: &Setting<'_>, component: &str, isolation: &str) -> Result<Running> {
    drop_in(setting, component, ["hello".to_owned()])?;
    serve(setting, &format!("[handlers.hello]\nroutes = [\"GET /\"]\nisolation = \"{isolation}\"\n"))
}

/// Serves the test guest of `wasi:http` 0.2 at the path where it says what the others say.
fn serve_hello_0_2(setting: &Setting<'_>) -> Result<Running> {
    drop_in(setting, "p2-hello", ["hello".to_owned()])?;
    serve(setting, "[handlers.hello]\nroutes = [\"GET /plain\"]\nisolation = \"request\"\n")
}

/// Serves one component by the routes it brings, with its defaults.
fn serve_as_it_is(setting: &Setting<'_>, component: &str) -> Result<Running> {
    drop_in(setting, component, [component.to_owned()])?;
    serve(setting, "")
}

fn serve_demo2(setting: &Setting<'_>) -> Result<Running> {
    drop_in(setting, "demo2", ["demo2".to_owned()])?;
    let other = native::start(setting)?;
    let origin = format!("http://{}", other.address());
    let tables =
        format!("[handlers.demo2]\noutbound = \"{origin}\"\nenvironment = {{ ORIGIN = \"{origin}\" }}\n");
    Ok(serve(setting, &tables)?.asking(other))
}

/// Serves copies of `hello`, each at its number.
fn serve_copies(setting: &Setting<'_>, count: usize) -> Result<Running> {
    // Each has a file of its own.
    allow_files(count as u64 + 1000)?;
    let name = |number| format!("hello-{number}");
    drop_in(setting, "hello", (0..count).map(name))?;
    let tables = (0..count).fold(String::new(), |mut tables, number| {
        writeln!(tables, "[handlers.{}]\nroutes = [\"GET /{number}\"]", name(number)).ok();
        tables
    });
    serve(setting, &tables)
}

fn serve_hello_and_ill(setting: &Setting<'_>) -> Result<Running> {
    let folder = empty_handlers(setting)?;
    for name in ["hello", "ill"] {
        link(&setting.component(name)?, &folder.join(format!("{name}.wasm")))?;
    }
    serve(setting, "[handlers.ill.limits]\ncpu_timeout = \"1h\"\ncall_timeout = \"1h\"\n")
}

fn serve_ten(setting: &Setting<'_>) -> Result<Running> {
    let folder = empty_handlers(setting)?;
    for name in [
        "clock",
        "demo1",
        "demo2",
        "hello",
        "upload",
        "hello-wasi-http",
        "demo1-wasi-http",
        "p2-hello",
        "p3-hello",
        "work",
    ] {
        link(&setting.component(name)?, &folder.join(format!("{name}.wasm")))?;
    }
    serve(setting, "")
}

fn serve_one(setting: &Setting<'_>) -> Result<Running> {
    drop_in(setting, "hello", ["hello".to_owned()])?;
    let routes: Vec<_> = (0..MANY).map(|number| format!("GET /{number}")).collect();
    serve(setting, &format!("[handlers.hello]\nroutes = {routes:?}\n"))
}

/// Makes the handlers folder anew, with a component under some names.
fn drop_in(setting: &Setting<'_>, component: &str, names: impl IntoIterator<Item = String>) -> Result<()> {
    let folder = empty_handlers(setting)?;
    let from = setting.component(component)?;
    names.into_iter().try_for_each(|name| link(&from, &folder.join(format!("{name}.wasm"))))
}

/// As a link, since ten thousand copies would be gigabytes on the disk.
fn link(from: &Path, to: &Path) -> Result<()> {
    fs::hard_link(from, to)
        .or_else(|_| fs::copy(from, to).map(drop))
        .with_context(|| format!("could not copy {} to {}", from.display(), to.display()))
}

fn empty_handlers(setting: &Setting<'_>) -> Result<PathBuf> {
    let folder = handlers(setting)?;
    for old in fs::read_dir(&folder)? {
        fs::remove_file(old?.path())?;
    }
    Ok(folder)
}

/// The folder of the handlers.
pub(crate) fn handlers(setting: &Setting<'_>) -> Result<PathBuf> {
    let folder = setting.folder.join("handlers");
    fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    Ok(folder)
}

fn serve(setting: &Setting<'_>, tables: &str) -> Result<Running> {
    let handlers = handlers(setting)?;
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
    let mut command = command(&setting.tools.server);
    command.args(["serve", "--log", "warn", "--listen", &address.to_string(), "--config"]).arg(file);
    // Variables of whoever runs the benchmark would win over the file.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PATCHBOARD_"))
    {
        command.env_remove(name);
    }
    // Where the access log goes, if it is on.
    Running::start(command.stdout(Stdio::null()), address)
}
