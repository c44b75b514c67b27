//! What a component is: compiled, recognised by its exports, checked by its imports.

use std::fmt;

use wasmtime::component::Component;

use super::engine::Engine;
use crate::config::Isolation;

/// The interface whose export makes a component a handler of our world.
pub(super) const OWN: &str = "patchboard:handler/handler@0.2.0";
/// The version of `wit/`.
pub(super) const VERSION: &str = "0.2.0";
/// How that begins in every version.
const OWN_OF_ANY_VERSION: &str = "patchboard:handler/handler@";
/// What to do with a component that was built for a contract before this one.
pub(super) const REBUILD: &str = "build it anew with version 0.2 of the SDK (`patchboard = \"0.2\"`), or for the contract that \
     `patchboard wit DIR` writes";
/// That of a `wasi:http` 0.3 component; later versions of it are found by this name, too.
pub(super) const SERVICE: &str = "wasi:http/handler@0.3.0";
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
            Self::Own => "patchboard:handler 0.2",
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
    } else if let Some(other) = exports.iter().find_map(|name| name.strip_prefix(OWN_OF_ANY_VERSION)) {
        let is_older = other.starts_with("0.1");
        let remedy = if is_older { REBUILD } else { "update the server" };
        Err(format!("is made for patchboard:handler {other}, and this server has 0.2; {remedy}"))
    } else {
        Err(format!(
            "exports no handler ({OWN}, wasi:http/handler@0.3 or wasi:http/incoming-handler@0.2); it exports: {}",
            if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") }
        ))
    }
}

/// What to say where one of `imports` is not to be had: it may be of a contract that is newer
/// than this server's.
pub(super) fn newer(imports: &[String]) -> Option<String> {
    let numbers = |version: &str| version.split('.').filter_map(|n| n.parse().ok()).collect::<Vec<u32>>();
    let version = |import: &str| {
        let (_, version) = import.strip_prefix("patchboard:handler/")?.split_once('@')?;
        Some(numbers(version))
    };
    let is_newer = |import: &&String| version(import) > Some(numbers(VERSION));
    let import = imports.iter().find(is_newer)?;
    Some(format!("it is made for {import}, and this server has {VERSION}; update the server"))
}

/// The interfaces that it imports.
pub(super) fn imports(engine: &Engine, component: &Component) -> Vec<String> {
    component.component_type().imports(engine.wasm()).map(|(name, _)| name.to_owned()).collect()
}

/// How its calls share instances; `holds` says whether a call that waits holds its instance,
/// since the component imports what does, or lifts its functions synchronously.
pub(super) fn isolation(kind: Kind, configured: Option<Isolation>, holds: bool) -> Result<Isolation, String> {
    match (kind, configured) {
        (Kind::Proxy, Some(Isolation::Shared)) => Err(
            "a wasi:http 0.2 component takes one call at a time; set isolation to \"request\" or \"reuse\""
                .to_owned(),
        ),
        (_, Some(isolation)) => Ok(isolation),
        (Kind::Proxy, None) => Ok(Isolation::Request),
        (Kind::Own | Kind::Service, None) if holds => Ok(Isolation::Reuse),
        (Kind::Own | Kind::Service, None) => Ok(Isolation::Shared),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_newer_than_this_server_is_named() {
        for (import, expected) in [
            ("patchboard:handler/call@0.2.0", false),
            ("patchboard:handler/call@0.1.0", false),
            ("patchboard:handler/call@0.2.1", true),
            ("patchboard:handler/call@0.10.0", true),
            ("patchboard:handler/call@1.0.0", true),
            ("wasi:http/client@0.3.1", false),
        ] {
            let found = newer(&["wasi:io/poll@0.2.12".to_owned(), import.to_owned()]);
            assert_eq!(found.is_some_and(|text| text.contains(import)), expected, "{import}");
        }
    }
}
