//! The router by itself, without a server: `host/benches/router.rs`.

use super::scenario::{Bench, Kind, Scenario};
use crate::aim::Bound;

pub(crate) static ROUTE_MATCH: Scenario = Scenario {
    name: "route-match",
    about: "the router's own benchmark",
    kind: Kind::Criterion(Bench {
        package: "patchboard-server",
        bench: "router",
        aim: ("parse and find/1000", Bound::AtMost(300.0)),
    }),
};
