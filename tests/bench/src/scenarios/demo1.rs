//! The tutorial's handler, which awaits a posted form, beside the same in Python.

use super::scenario::{Kind, Scenario, Served, no_files};
use crate::aim::{Aim, Bound, Of};
use crate::load::Load;
use crate::request::Request;
use crate::row::Measure;
use crate::subjects::{aiohttp, patchboard};

const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];

pub(crate) static DEMO1: Scenario = Scenario {
    name: "demo1",
    about: "a handler that awaits a posted form and answers JSON",
    kind: Kind::Served(Served {
        ours: &patchboard::DEMO1,
        peers: &[&aiohttp::AIOHTTP],
        site: no_files,
        request: Request::post("/demo1/Ada", FORM, || b"key=value".to_vec()),
        bytes: r#"{"name":"Ada","key":"value"}"#.len() as u64,
        load: Load::Steady { connections: 32 },
        seconds: 3,
        aims: &[Aim {
            measure: Measure::Cpu,
            bound: Bound::AtMost(0.25),
            of: Of::Peer(aiohttp::AIOHTTP.name),
        }],
        each: None,
    }),
};
