//! A thousand calls at once that wait: they are to wait together, not for each other.

use super::scenario::{Kind, Scenario, Served, no_files};
use crate::aim::{Aim, Bound, Of};
use crate::load::Load;
use crate::request::Request;
use crate::row::Measure;
use crate::subjects::{aiohttp, patchboard};

/// What each call waits.
const WAIT_US: f64 = 50_000.0;

pub(crate) static AWAITING: Scenario = Scenario {
    name: "awaiting",
    about: "calls that await 50 ms each, over open connections",
    kind: Kind::Served(Served {
        ours: &patchboard::WORK,
        peers: &[&aiohttp::AIOHTTP],
        site: no_files,
        request: Request::get("/sleep"),
        bytes: 5,
        load: Load::AtOnce { calls: 1000 },
        // Ten bursts or so, of which the middle one counts.
        seconds: 1,
        aims: &[Aim { measure: Measure::All, bound: Bound::AtMost(2.0 * WAIT_US), of: Of::Rounds(20) }],
        each: None,
    }),
};
