//! Scenarios: a file each, or one for some that are much alike. A new one
//! is added to [`ALL`].

mod attacks;
mod awaiting;
mod demo1;
mod demo2;
mod echo;
mod handlers;
mod hello;
mod load_client;
mod route_match;
mod scenario;
mod starts;
mod static_files;
mod streams;

pub(crate) use self::scenario::{Bench, Kind, Scenario, Served};

/// In the order they are run in.
pub(crate) static ALL: [&Scenario; 27] = [
    &hello::HELLO,
    &hello::HELLO_REUSE,
    &hello::HELLO_FRESH,
    &hello::HELLO_0_3,
    &hello::HELLO_0_3_REUSE,
    &hello::HELLO_0_3_FRESH,
    &hello::HELLO_0_2_FRESH,
    &hello::HELLO_HEADERS,
    &demo1::DEMO1,
    &demo2::DEMO2,
    &awaiting::AWAITING,
    &echo::ECHO_1K,
    &echo::ECHO_64K,
    &streams::UPLOAD_10M,
    &streams::DOWNLOAD_10M,
    &starts::COLD_START,
    &starts::DROP_IN,
    &starts::COMPILE_UNDER_LOAD,
    &attacks::SPINNING,
    &attacks::SLOW_HEADS,
    &handlers::MANY_HANDLERS,
    &handlers::IDLE_HANDLERS,
    &static_files::STATIC_1K,
    &static_files::STATIC_100K,
    &static_files::STATIC_100M,
    &route_match::ROUTE_MATCH,
    &load_client::LOAD_CLIENT,
];

/// What `--scenario` takes.
pub(crate) fn names() -> [&'static str; ALL.len()] {
    ALL.map(|scenario| scenario.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aim::Of;

    #[test]
    fn names_differ_and_aims_are_of_peers() {
        let mut names = names().to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for scenario in ALL {
            let Kind::Served(served) = &scenario.kind else { continue };
            for aim in served.aims {
                let Of::Peer(name) = aim.of else { continue };
                assert!(served.peers.iter().any(|peer| peer.name == name), "{}", scenario.name);
            }
        }
    }
}
