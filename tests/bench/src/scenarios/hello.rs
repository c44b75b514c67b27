//! `Hello, world` by a handler: what a call costs beside an answer by hyper alone, with
//! every limit on.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Kind, Scenario, Served};
use crate::aim::{Aim, Bound};
use crate::row::Measure;
use crate::subjects::{Subject, native, patchboard};

const PEERS: &[&Subject] = &[&native::NATIVE];

pub(crate) static HELLO: Scenario = Scenario {
    name: "hello",
    about: "a handler of our world, its calls in shared instances",
    kind: Kind::Served(served(&patchboard::HELLO, &[at_most(1.8)])),
};

pub(crate) static HELLO_FRESH: Scenario = Scenario {
    name: "hello-fresh",
    about: "the same handler, a fresh instance for every call",
    kind: Kind::Served(served(&patchboard::HELLO_FRESH, &[at_most(5.0)])),
};

pub(crate) static HELLO_0_3: Scenario = Scenario {
    name: "hello-wasi-http-0.3",
    about: "a standard component of wasi:http 0.3, its calls in shared instances",
    kind: Kind::Served(served(&patchboard::HELLO_0_3, &[at_most(2.8)])),
};

const fn served(ours: &'static Subject, aims: &'static [Aim]) -> Served {
    Served { ours, peers: PEERS, site: no_files, path: "/", bytes: 12, connections: 32, seconds: 3, aims }
}

/// Of the CPU time that hyper alone takes.
const fn at_most(ratio: f64) -> Aim {
    Aim { measure: Measure::Cpu, bound: Bound::AtMost(ratio), peer: native::NATIVE.name }
}

fn no_files(folder: &Path) -> Result<PathBuf> {
    Ok(folder.to_owned())
}
