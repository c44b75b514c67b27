//! Many handlers on one server: what they cost those that are asked, and what they
//! cost while nobody asks them.

use super::scenario::{Kind, Scenario, Served, no_files};
use crate::load::Load;
use crate::request::Request;
use crate::subjects::patchboard;

pub(crate) static MANY_HANDLERS: Scenario = Scenario {
    name: "many-handlers",
    about: "100 copies of a handler of our world, which are asked in turns",
    kind: Kind::Served(Served {
        ours: &patchboard::HELLO_MANY,
        request: Request { paths: patchboard::MANY, ..Request::get("/{n}") },
        ..HANDLERS
    }),
};

pub(crate) static IDLE_HANDLERS: Scenario = Scenario {
    name: "idle-handlers",
    about: "copies of a handler of our world, of which one is asked",
    kind: Kind::Served(Served {
        ours: &patchboard::HELLO_IDLE,
        request: Request::get("/0"),
        each: Some(patchboard::idle_handlers),
        ..HANDLERS
    }),
};

const HANDLERS: Served = Served {
    ours: &patchboard::HELLO_MANY,
    peers: &[&patchboard::HELLO_ONE],
    site: no_files,
    request: Request::get("/0"),
    bytes: 12,
    load: Load::Steady { connections: 32 },
    seconds: 3,
    aims: &[],
    each: None,
};
