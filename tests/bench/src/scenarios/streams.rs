//! Bodies of 10 MiB: how fast they go through a guest that neither keeps nor makes
//! them as a whole.

use super::scenario::{Kind, Scenario, Served, no_files};
use crate::load::Load;
use crate::request::Request;
use crate::subjects::{aiohttp, patchboard};

const BYTES: usize = 10 << 20;

pub(crate) static UPLOAD_10M: Scenario = Scenario {
    name: "upload-10m",
    about: "a body of 10 MiB, whose bytes a guest counts",
    kind: Kind::Served(Served {
        request: Request::post("/count", &[], || vec![b'x'; BYTES]),
        bytes: "10485760".len() as u64,
        ..STREAM
    }),
};

pub(crate) static DOWNLOAD_10M: Scenario = Scenario {
    name: "download-10m",
    about: "10 MiB that a guest sends, 64 KiB at a time",
    kind: Kind::Served(STREAM),
};

const STREAM: Served = Served {
    ours: &patchboard::WORK,
    peers: &[&aiohttp::AIOHTTP],
    site: no_files,
    request: Request::get("/stream"),
    bytes: BYTES as u64,
    load: Load::Steady { connections: 4 },
    // So that there are enough requests to divide by.
    seconds: 5,
    aims: &[],
    each: None,
};
