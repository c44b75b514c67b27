//! What may be named where, by the numbers of ARCHITECTURE's invariants.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{Mention, Sources};

/// The server; `patchboard load` is a program of its own.
const SERVER: [&str; 3] = ["host/src/", "host/key-value/src/", "host/sql/src/"];

/// Names of other crates that only some files of the server may name.
struct Only {
    invariant: u8,
    names: &'static [&'static str],
    may: &'static [&'static str],
}

const ONLY: [Only; 5] = [
    Only { invariant: 1, names: &["std::env", "toml", "clap"], may: &["host/src/config/", "host/src/cli/"] },
    Only {
        invariant: 2,
        names: &["wasmtime", "wasmtime_wasi", "wasmtime_wasi_http", "wasmparser"],
        may: &["host/src/handlers/"],
    },
    Only {
        invariant: 2,
        names: &[
            "std::net::TcpListener",
            "tokio::net::TcpListener",
            "tokio::net::UnixListener",
            "socket2",
            "hyper::server",
            "hyper_util::server",
        ],
        may: &["host/src/server/"],
    },
    Only {
        invariant: 2,
        names: &["std::os::unix::net::UnixListener"],
        may: &["host/src/server/", "host/key-value/src/file/lend.rs"],
    },
    // The sockets that a supervisor passes are named in the environment, which `cli` reads;
    // `deploy` hands them on.
    Only {
        invariant: 2,
        names: &["listenfd"],
        may: &["host/src/server/", "host/src/cli/", "host/src/deploy/"],
    },
];

/// What is called pure: it neither waits nor reads nor writes.
const PURE: [&str; 12] = [
    "host/src/answers/",
    "host/src/forwarded/",
    "host/src/router/",
    "host/src/server/guard/chunked.rs",
    "host/src/server/guard/fault.rs",
    "host/src/server/guard/framing.rs",
    "host/src/server/guard/head.rs",
    "host/src/server/guard/line.rs",
    "host/src/testing/check.rs",
    "host/src/testing/http_file/",
    "host/src/testing/junit.rs",
    "host/src/testing/report.rs",
];

/// What a pure file does without.
const IMPURE: [&str; 13] = [
    "hyper",
    "hyper_util",
    "mio",
    "rustix",
    "socket2",
    "std::fs",
    "std::io",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "tokio",
];

/// Names that are where they may not be.
pub(crate) fn named(mentions: &[Mention]) -> Vec<String> {
    let mut wrong = Vec::new();
    for Mention { file, line, path } in mentions {
        for Only { invariant, names, may } in ONLY {
            let named = SERVER.iter().any(|server| file.starts_with(server))
                && names.iter().any(|name| begins(path, name));
            if named && !may.iter().any(|may| file.starts_with(may)) {
                let may = may.join(" and ");
                wrong.push(format!(
                    "{file}:{line}: names {path}; only {may} may (invariant {invariant} of ARCHITECTURE.md)"
                ));
            }
        }
        if PURE.iter().any(|pure| file.starts_with(pure)) && IMPURE.iter().any(|name| begins(path, name)) {
            wrong.push(format!(
                "{file}:{line}: names {path}; this file is pure (invariant 2 of ARCHITECTURE.md)"
            ));
        }
    }
    wrong.sort();
    wrong.dedup();
    wrong
}

/// Names of files above that are no longer there, so that what they said holds for nothing.
pub(crate) fn stale(files: &BTreeSet<&str>) -> Vec<String> {
    let named = PURE.iter().chain(ONLY.iter().flat_map(|only| only.may)).chain(&SERVER);
    let gone = named.filter(|name| !files.iter().any(|file| file.starts_with(**name)));
    gone.map(|name| format!("tests/house/src/invariants.rs: names {name}, which is no file or folder"))
        .collect()
}

/// Host and guests know the contract only, never each other.
pub(crate) fn packages(manifests: &Sources) -> Vec<String> {
    let names: BTreeMap<&str, &str> = manifests
        .iter()
        .filter_map(|(file, text)| {
            Some((
                text.lines().find_map(|line| line.strip_prefix("name = "))?.trim_matches('"'),
                file.as_str(),
            ))
        })
        .collect();
    let side = |file: &str| {
        ["host/", "guest-handlers/", "tests/guests/"].into_iter().find(|side| file.starts_with(side))
    };
    let mut wrong = Vec::new();
    for (file, text) in manifests {
        let Some(own) = side(file) else { continue };
        for (line, name) in dependencies(text) {
            let Some(on) = names.get(name).and_then(|file| Some((file, side(file)?))) else { continue };
            if (own == "host/") != (on.1 == "host/") {
                wrong.push(format!("{file}:{line}: depends on {name} ({}); only tests may know both (invariant 3 of ARCHITECTURE.md)", on.0));
            }
        }
    }
    wrong
}

/// The names of all that a manifest depends on, by line.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut section = "";
    let mut found = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            if let Some((_, name)) = section.split_once("dependencies.") {
                found.push((index + 1, name));
            }
        } else if section.ends_with("dependencies")
            && let Some((name, _)) = line.split_once(['=', '.', ' '])
            && !name.starts_with('#')
        {
            found.push((index + 1, name));
        }
    }
    found
}

/// The one crate of the host that may have `unsafe` in it, where it says why.
const ALLOCATOR: (&str, &str) = ("host/allocator/Cargo.toml", "\n[lints.rust]\nunsafe_code = \"deny\"\n");

/// Whether all other crates of the host have the workspace's lints, which forbid `unsafe`.
pub(crate) fn lints(manifests: &Sources) -> Vec<String> {
    let forbidden =
        manifests.get("Cargo.toml").is_some_and(|text| text.contains("\nunsafe_code = \"forbid\"\n"));
    let root = (!forbidden)
        .then(|| "Cargo.toml: `unsafe_code` is not forbidden (invariant 6 of ARCHITECTURE.md)".to_owned());
    let has_lints = |file: &str, text: &str| {
        let lints = if file == ALLOCATOR.0 { ALLOCATOR.1 } else { "\n[lints]\nworkspace = true\n" };
        text.contains(lints)
    };
    let host = manifests.iter().filter(|(file, text)| file.starts_with("host/") && !has_lints(file, text));
    root.into_iter()
        .chain(host.map(|(file, _)| {
            format!("{file}: has not the lints of the workspace (invariant 6 of ARCHITECTURE.md)")
        }))
        .collect()
}

/// Whether a path begins with these names.
fn begins(path: &str, name: &str) -> bool {
    path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
