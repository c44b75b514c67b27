//! A handler that asks another server, beside the same by hyper alone; both over
//! connections that they keep, of the same server.

use super::scenario::{Kind, Scenario, Served, no_files};
use crate::load::Load;
use crate::request::Request;
use crate::subjects::{native, patchboard};

const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];

pub(crate) static DEMO2: Scenario = Scenario {
    name: "demo2",
    about: "a handler that sends a form to another server and awaits the answer",
    kind: Kind::Served(Served {
        ours: &patchboard::DEMO2,
        peers: &[&native::NATIVE_DEMO2],
        site: no_files,
        request: Request::post("/demo2", FORM, || b"key=value".to_vec()),
        bytes: "welcome".len() as u64,
        load: Load::Steady { connections: 32 },
        seconds: 3,
        aims: &[],
        each: None,
    }),
};
