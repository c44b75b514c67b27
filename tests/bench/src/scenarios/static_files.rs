//! Static files of three sizes: what a request costs, what a page's larger files
//! cost, and how fast bytes leave. All are in the page cache.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::scenario::{Kind, Scenario, Served};
use crate::aim::{Aim, Bound, Of};
use crate::load::Load;
use crate::request::Request;
use crate::row::Measure;
use crate::subjects::{Subject, nginx, patchboard};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

const FILES: [(&str, u64); 3] = [("1k.txt", KIB), ("100k.bin", 100 * KIB), ("100m.bin", 100 * MIB)];

const PEERS: &[&Subject] = &[&nginx::SENDFILE_OFF, &nginx::SENDFILE_ON];

pub(crate) static STATIC_1K: Scenario = Scenario {
    name: "static-1k",
    about: "a file of 1 KiB",
    kind: Kind::Served(Served {
        ours: &patchboard::STATIC,
        peers: PEERS,
        site,
        request: Request::get("/1k.txt"),
        bytes: KIB,
        load: Load::Steady { connections: 32 },
        seconds: 3,
        aims: &[
            Aim { measure: Measure::Cpu, bound: Bound::AtMost(1.1), of: Of::Peer(nginx::SENDFILE_OFF.name) },
            Aim { measure: Measure::Cpu, bound: Bound::AtMost(1.1), of: Of::Peer(nginx::SENDFILE_ON.name) },
        ],
        each: None,
    }),
};

pub(crate) static STATIC_100K: Scenario = Scenario {
    name: "static-100k",
    about: "a file of 100 KiB",
    kind: Kind::Served(Served {
        ours: &patchboard::STATIC,
        peers: PEERS,
        site,
        request: Request::get("/100k.bin"),
        bytes: 100 * KIB,
        load: Load::Steady { connections: 16 },
        seconds: 3,
        aims: &[],
        each: None,
    }),
};

pub(crate) static STATIC_100M: Scenario = Scenario {
    name: "static-100m",
    about: "a file of 100 MiB",
    kind: Kind::Served(Served {
        ours: &patchboard::STATIC,
        peers: PEERS,
        site,
        request: Request::get("/100m.bin"),
        bytes: 100 * MIB,
        load: Load::Steady { connections: 4 },
        // So that there are enough requests to divide by.
        seconds: 5,
        aims: &[
            Aim {
                measure: Measure::Bytes,
                bound: Bound::AtLeast(0.8),
                of: Of::Peer(nginx::SENDFILE_OFF.name),
            },
            Aim {
                measure: Measure::Bytes,
                bound: Bound::AtLeast(0.5),
                of: Of::Peer(nginx::SENDFILE_ON.name),
            },
        ],
        each: None,
    }),
};

/// The files, made where they are not there yet.
fn site(folder: &Path) -> Result<PathBuf> {
    let site = folder.join("static");
    fs::create_dir_all(&site).with_context(|| format!("could not create {}", site.display()))?;
    for (name, bytes) in FILES {
        let file = site.join(name);
        if fs::metadata(&file).is_ok_and(|metadata| metadata.len() == bytes) {
            continue;
        }
        let line = b"All that is served is bytes, whatever they say; these say so.\r\n";
        let content: Vec<u8> = line.iter().copied().cycle().take(bytes as usize).collect();
        fs::write(&file, content).with_context(|| format!("could not write {}", file.display()))?;
    }
    Ok(site)
}
