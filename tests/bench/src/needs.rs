//! What has to be there for the chosen scenarios: what `--needs` tells xtask.

use std::collections::BTreeSet;

use crate::options::Options;
use crate::scenarios::Scenario;
use crate::tool::Need;

/// What the chosen scenarios need, and the other revision, a line each.
pub(crate) fn needs(options: &Options) -> Vec<String> {
    let of = |scenario: &Scenario| match options.against {
        Some(_) => scenario.needs_of_ours(),
        None => scenario.needs(),
    };
    let all: BTreeSet<Need> = options.chosen().into_iter().flat_map(of).collect();
    let against = options.against.iter().map(|revision| format!("against {revision}"));
    all.iter().map(Need::to_string).chain(against).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::options::Arguments;

    #[test]
    fn scenarios_need_what_their_subjects_do() {
        for (arguments, expected) in [
            (&["--scenario", "static-1k"][..], &["package nginx nginx", "package wrk wrk"][..]),
            (&["--scenario", "hello"], &["package wrk wrk", "wasmtime", "native"]),
            (&["--scenario", "route-match"], &[]),
            (&["--against", "HEAD~1"], &["package wrk wrk", "against HEAD~1"]),
            (&["--against", "v1", "--scenario", "demo2"], &["package wrk wrk", "native", "against v1"]),
        ] {
            let options = Arguments::parse_from(["bench"].iter().chain(arguments)).options;
            assert_eq!(needs(&options), expected, "{arguments:?}");
        }
    }
}
