//! What a component is: compiled, recognised by its exports, checked by its imports.

use std::fmt;

use wasmtime::component::Component;

use super::engine::Engine;
use crate::config::{HandlerConfig, Isolation};

/// The interface whose export makes a component a handler of our world.
pub(super) const OWN: &str = "patchboard:handler/handler@0.1.0";
/// That of a `wasi:http` 0.3 component; later versions of it are found by this name, too.
pub(super) const SERVICE: &str = "wasi:http/handler@0.3.0";
/// Packages whose interfaces are linked.
const LINKED: [&str; 11] = [
    "patchboard:handler/",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:config/",
    "wasi:filesystem/",
    "wasi:http/",
    "wasi:io/",
    "wasi:keyvalue/",
    "wasi:logging/",
    "wasi:random/",
    "wasi:sockets/",
];
/// What only a grant makes useful, so that a component without it is told at once.
const SQL: &str = "patchboard:handler/sql@";

/// What a component speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `patchboard:handler/service`.
    Own,
    /// `wasi:http/service` 0.3.
    Service,
    /// `wasi:http/proxy` 0.2.
    Proxy,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "patchboard:handler 0.1",
            Self::Service => "wasi:http 0.3",
            Self::Proxy => "wasi:http 0.2",
        })
    }
}

pub(super) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, String> {
    if wasmparser::Parser::is_core_wasm(bytes) {
        return Err("is a core module, not a component; build it for wasm32-wasip2, or wrap it with `wasm-tools component new`".to_owned());
    }
    if !wasmparser::Parser::is_component(bytes) {
        return Err("is not a WebAssembly component".to_owned());
    }
    Component::from_binary(engine.wasm(), bytes).map_err(|error| format!("does not compile: {error:#}"))
}

pub(super) fn kind(engine: &Engine, component: &Component) -> Result<Kind, String> {
    let exports: Vec<_> =
        component.component_type().exports(engine.wasm()).map(|(name, _)| name.to_owned()).collect();
    let has = |prefix: &str| exports.iter().any(|name| name.starts_with(prefix));
    if component.get_export_index(None, OWN).is_some() {
        Ok(Kind::Own)
    } else if has("wasi:http/handler@0.3.") {
        Ok(Kind::Service)
    } else if has("wasi:http/incoming-handler@0.2.") {
        Ok(Kind::Proxy)
    } else {
        Err(format!(
            "exports no handler ({OWN}, wasi:http/handler@0.3 or wasi:http/incoming-handler@0.2); it exports: {}",
            if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") }
        ))
    }
}

/// Whether it imports what holds an instance while it waits for a store.
pub(super) fn waits_for_stores(engine: &Engine, component: &Component) -> bool {
    !imports(engine, component, is_blocking_store).is_empty()
}

pub(super) fn isolation(
    kind: Kind,
    configured: Option<Isolation>,
    waits_for_stores: bool,
) -> Result<Isolation, String> {
    match (kind, configured) {
        (Kind::Proxy, Some(Isolation::Shared)) => Err(
            "a wasi:http 0.2 component takes one call at a time; set isolation to \"request\" or \"reuse\""
                .to_owned(),
        ),
        (_, Some(isolation)) => Ok(isolation),
        (Kind::Proxy, None) => Ok(Isolation::Request),
        (Kind::Own | Kind::Service, None) if waits_for_stores => Ok(Isolation::Reuse),
        (Kind::Own | Kind::Service, None) => Ok(Isolation::Shared),
    }
}

/// Refuses imports that were not granted, and those that nobody can grant here.
pub(super) fn check_grants(
    engine: &Engine,
    name: &str,
    component: &Component,
    config: &HandlerConfig,
) -> Result<(), String> {
    let unknown =
        imports(engine, component, |import| !LINKED.iter().any(|linked| import.starts_with(linked)));
    if !unknown.is_empty() {
        let verb = verb(&unknown);
        return Err(format!(
            "imports {unknown}, which {verb} not granted, and which this host does not offer; build it without"
        ));
    }
    let sql = imports(engine, component, |import| import.starts_with(SQL));
    if !sql.is_empty() && config.sql.is_empty() {
        return Err(format!(
            "imports {sql}, which is not granted; add sql = \"{name}\" to [handlers.{name}]"
        ));
    }
    let ungranted = imports(engine, component, is_key_value);
    if !ungranted.is_empty() && config.key_value.is_empty() {
        let (ungranted, verb) = (without_versions(&ungranted), verb(&ungranted));
        return Err(format!(
            "imports {ungranted}, which {verb} not granted; add key_value = \"default\" to [handlers.{name}]"
        ));
    }
    Ok(())
}

fn verb(imports: &str) -> &'static str {
    if imports.contains(", ") { "are" } else { "is" }
}

/// Which version it is has no part in what is granted.
fn without_versions(imports: &str) -> String {
    let names = imports.split(", ").map(|import| import.split('@').next().unwrap_or(import));
    names.collect::<Vec<_>>().join(", ")
}

/// Refuses imports that would hold every call of a shared instance.
pub(super) fn check_blocking(
    engine: &Engine,
    name: &str,
    component: &Component,
    isolation: Isolation,
) -> Result<(), String> {
    if isolation != Isolation::Shared {
        return Ok(());
    }
    for (is_blocking, instead) in [
        (is_blocking_http as fn(&str) -> bool, "wasi:http 0.3's client"),
        (is_blocking_store, "patchboard:handler/key-value"),
    ] {
        let blocking = imports(engine, component, is_blocking);
        if !blocking.is_empty() {
            return Err(format!(
                "imports {blocking}, which would hold every call of a shared instance; \
                 use {instead}, or set isolation = \"request\" or \"reuse\" in [handlers.{name}]"
            ));
        }
    }
    Ok(())
}

/// The imports that are `wanted`, as a list to read.
fn imports(engine: &Engine, component: &Component, wanted: impl Fn(&str) -> bool) -> String {
    let ty = component.component_type();
    let names = ty.imports(engine.wasm()).map(|(name, _)| name);
    names.filter(|name| wanted(name)).collect::<Vec<_>>().join(", ")
}

fn is_key_value(import: &str) -> bool {
    is_blocking_store(import) || import.starts_with("patchboard:handler/key-value@")
}

fn is_blocking_store(import: &str) -> bool {
    import.starts_with("wasi:keyvalue/")
}

fn is_blocking_http(import: &str) -> bool {
    import.starts_with("wasi:http/") && import.contains("@0.2.")
}
