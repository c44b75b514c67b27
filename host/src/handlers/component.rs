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
pub(super) const REBUILD: &str = "build it anew with the SDK of this server, which `patchboard new` writes into a project, or for \
     the contract that `patchboard wit DIR` writes";
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

/// Whether a file is a component, as far as its first bytes tell.
///
/// # Errors
///
/// What it is instead, and what to do.
pub(super) fn check_file(bytes: &[u8]) -> Result<(), String> {
    if wasmparser::Parser::is_core_wasm(bytes) {
        return Err("is a core module, not a component; build it for wasm32-wasip2, or wrap it with `wasm-tools component new`".to_owned());
    }
    if !wasmparser::Parser::is_component(bytes) {
        return Err(other_file(bytes));
    }
    Ok(())
}

pub(super) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, String> {
    check_file(bytes)?;
    Component::from_binary(engine.wasm(), bytes).map_err(|error| {
        // What a copy that broke off ends in.
        let is_cut = wasmparser::Parser::new(0)
            .parse_all(bytes)
            .any(|payload| payload.is_err_and(|error| error.message().contains("unexpected end")));
        let remedy = if is_cut { "the file is cut off; copy it again" } else { "build it anew" };
        format!("does not compile: {}; {remedy}", format!("{error:#}").replace('\n', " "))
    })
}

/// The interfaces and functions that it exports.
pub(super) fn exports(engine: &Engine, component: &Component) -> Vec<String> {
    component.component_type().exports(engine.wasm()).map(|(name, _)| name.to_owned()).collect()
}

/// What a component with these `exports` speaks.
pub(super) fn kind(exports: &[String]) -> Result<Kind, String> {
    let has = |prefix: &str| exports.iter().any(|name| name.starts_with(prefix));
    if exports.iter().any(|name| name == OWN) {
        Ok(Kind::Own)
    } else if exports.iter().any(|name| name.starts_with("wasi:http/handler@0.3.") && !name.contains('-')) {
        Ok(Kind::Service)
    } else if has("wasi:http/incoming-handler@0.2.") {
        Ok(Kind::Proxy)
    } else if let Some(other) = exports.iter().find_map(|name| name.strip_prefix(OWN_OF_ANY_VERSION)) {
        let is_older = other.starts_with("0.1");
        let remedy = if is_older { REBUILD } else { "update the server" };
        Err(format!("is made for patchboard:handler {other}, and this server has 0.2; {remedy}"))
    } else {
        Err(format!(
            "exports no handler ({OWN}, wasi:http/handler@0.3 or wasi:http/incoming-handler@0.2); it exports: {}; build it \
             for one of these worlds",
            if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") }
        ))
    }
}

/// What this server has of the packages that components are built for; of those without a
/// draft's name, each version that begins with the same two numbers will do.
const OFFERED: [(&str, &[&str]); 12] = [
    ("patchboard:handler", &[VERSION]),
    ("wasi:blobstore", &["0.2.0-draft"]),
    ("wasi:cli", BOTH),
    ("wasi:clocks", BOTH),
    ("wasi:config", &["0.2.0-rc.1"]),
    ("wasi:filesystem", BOTH),
    ("wasi:http", BOTH),
    ("wasi:io", &["0.2.12"]),
    ("wasi:keyvalue", &["0.2.0-draft2"]),
    ("wasi:logging", &["0.1.0-draft"]),
    ("wasi:random", BOTH),
    ("wasi:sockets", BOTH),
];
const BOTH: &[&str] = &["0.2.12", "0.3.0"];

/// What to say where one of the interfaces that a component has is not to be had: it may be of
/// a version that this server has not, as those of WASI 0.3 were before it was released.
pub(super) fn other_version<'a>(interfaces: impl Iterator<Item = &'a String>) -> Option<String> {
    let is_newer = |version: &str, offered: &str| {
        let numbers = |version: &str| version.split('.').filter_map(|n| n.parse().ok()).collect::<Vec<u32>>();
        numbers(version) > numbers(offered)
    };
    for interface in interfaces {
        let Some((path, version)) = interface.split_once('@') else { continue };
        let package = path.split('/').next().unwrap_or_default();
        let Some((_, offered)) = OFFERED.iter().find(|(offered, _)| *offered == package) else { continue };
        let has = offered.join(" and ");
        if package == "patchboard:handler" {
            if is_newer(version, VERSION) {
                return Some(format!(
                    "it is made for {interface}, and this server has {has}; update the server"
                ));
            }
            continue;
        }
        let fits = |offered: &&str| {
            let minor = |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
            let is_draft = version.contains('-') || offered.contains('-');
            *offered == version || !is_draft && minor(offered) == minor(version)
        };
        if !offered.iter().any(fits) {
            return Some(format!(
                "it is built for {package} {version}, and this server has {has}; build it anew with a toolchain \
                 for one of these"
            ));
        }
    }
    None
}

/// What a file is that is no component, and what to do.
fn other_file(bytes: &[u8]) -> String {
    let starts = |with: &[u8]| bytes.starts_with(with);
    let (what, remedy) = if bytes.is_empty() {
        ("is empty", "copy it again")
    } else if b"\0asm".starts_with(bytes) || starts(b"\0asm") && bytes.len() < 8 {
        ("is cut off", "copy it again")
    } else if starts(b"\0asm") {
        ("is WebAssembly of a version that is not known here", "build it anew, or update the server")
    } else if starts(b"PK\x03\x04") || starts(b"\x1f\x8b") || starts(b"\x28\xb5\x2f\xfd") {
        ("is a compressed file", "unpack it first")
    } else if starts(b"\x7fELF") || starts(b"MZ") || starts(b"\xcf\xfa\xed\xfe") {
        ("is a program of another machine", "build it for wasm32-wasip2")
    } else if std::str::from_utf8(bytes.get(..bytes.len().min(256)).unwrap_or_default().trim_ascii_end())
        .is_ok_and(|text| !text.contains('\0'))
    {
        ("is text", "build it, or `wasm-tools parse` it where it is WebAssembly's own")
    } else {
        ("is something else", "build it for wasm32-wasip2")
    };
    format!("is not a WebAssembly component: it {what}; {remedy}")
}

/// The interfaces that it imports.
pub(super) fn imports(engine: &Engine, component: &Component) -> Vec<String> {
    component.component_type().imports(engine.wasm()).map(|(name, _)| name.to_owned()).collect()
}

/// How its calls share instances; `holds` says whether a call that waits holds its instance,
/// since the component imports what does, or lifts its functions synchronously.
pub(super) fn isolation(
    kind: Kind,
    configured: Option<Isolation>,
    holds: bool,
    is_composed: bool,
) -> Result<Isolation, String> {
    match (kind, configured) {
        (Kind::Proxy, Some(Isolation::Shared)) => Err(
            "a wasi:http 0.2 component takes one call at a time; set isolation to \"request\" or \"reuse\""
                .to_owned(),
        ),
        (_, Some(Isolation::Shared)) if is_composed => Err(
            "the component is composed of several, of which one may go on when the call of another has ended, and \
             which call that was is known only where an instance has one at a time; set isolation to \"request\" or \
             \"reuse\", or leave it out"
                .to_owned(),
        ),
        (_, Some(isolation)) => Ok(isolation),
        (Kind::Proxy, None) => Ok(Isolation::Request),
        (Kind::Own | Kind::Service, None) if holds || is_composed => Ok(Isolation::Reuse),
        (Kind::Own | Kind::Service, None) => Ok(Isolation::Shared),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    fn other(interface: &str) -> Option<String> {
        other_version(["wasi:io/poll@0.2.12".to_owned(), interface.to_owned()].iter())
    }

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
            assert_eq!(other(import).is_some_and(|text| text.contains(import)), expected, "{import}");
        }
    }

    #[test]
    fn a_version_of_wasi_that_is_not_there_is_named_with_those_that_are() {
        for (interface, said) in [
            (
                "wasi:http/handler@0.3.0-rc-2026-01-06",
                "wasi:http 0.3.0-rc-2026-01-06, and this server has 0.2.12 and 0.3.0",
            ),
            ("wasi:clocks/monotonic-clock@0.3.0-draft", "wasi:clocks 0.3.0-draft"),
            ("wasi:http/types@0.4.0", "wasi:http 0.4.0"),
            ("wasi:io/streams@0.3.0", "wasi:io 0.3.0, and this server has 0.2.12"),
            ("wasi:keyvalue/store@0.2.0-draft", "this server has 0.2.0-draft2"),
        ] {
            let found = other(interface).unwrap_or_default();
            assert!(found.contains(said) && found.contains("build it anew"), "{interface}: {found}");
        }
        for fits in [
            "wasi:http/types@0.2.3",
            "wasi:cli/run@0.3.0",
            "wasi:keyvalue/store@0.2.0-draft2",
            "my:own/x@9.0.0",
        ] {
            assert_eq!(other(fits), None, "{fits}");
        }
    }

    #[test]
    fn what_is_offered_is_what_is_vendored() {
        let deps = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/deps");
        let mut vendored = BTreeMap::<String, Vec<String>>::new();
        for file in std::fs::read_dir(deps).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let Some(name) = name.strip_prefix("wasi-").and_then(|name| name.strip_suffix(".wit")) else {
                continue;
            };
            let (package, version) = name.split_once('-').unwrap();
            vendored.entry(format!("wasi:{package}")).or_default().push(version.to_owned());
        }
        vendored.values_mut().for_each(|versions| versions.sort());
        let offered = OFFERED.iter().filter(|(package, _)| package.starts_with("wasi:"));
        let offered = offered.map(|(package, versions)| {
            ((*package).to_owned(), versions.iter().map(|version| (*version).to_owned()).collect())
        });
        assert_eq!(offered.collect::<BTreeMap<_, Vec<_>>>(), vendored);
    }

    #[test]
    fn a_file_that_is_no_component_is_said_to_be_what_it_is() {
        for (bytes, said) in [
            (&b""[..], "it is empty; copy it again"),
            (b"\0as", "it is cut off"),
            (b"\0asm\x01\0", "it is cut off"),
            (b"\0asm\x09\0\0\0", "a version that is not known here"),
            (b"PK\x03\x04abc", "it is a compressed file; unpack it first"),
            (b"\x1f\x8babc", "it is a compressed file"),
            (b"\x7fELF\x02", "it is a program of another machine"),
            (b"(module)", "it is text"),
            (b"<!doctype html>", "it is text"),
            (b"\0\x01\x02\xff", "it is something else"),
        ] {
            let found = other_file(bytes);
            assert!(found.starts_with("is not a WebAssembly component: ") && found.contains(said), "{found}");
        }
    }
}
