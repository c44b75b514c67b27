//! `[clients]`: what one client may ask for.

use std::net::IpAddr;
use std::time::Duration;

use super::key::{Key, Table, Unset};
use super::reader::Section;
use crate::forwarded::Network;

/// `[clients]`.
pub(super) static CLIENTS: Table<ClientsConfig> = Table {
    header: "[clients]",
    noun: "",
    intro: "What one client may ask for, by its address: the peer's, or the one that a trusted proxy names. All addresses \
            of an IPv6 network of 64 bits are one client.",
    example: r#"
[clients]
requests_per_second = 20
burst = 100
connections = 64
exempt = "10.0.0.0/8"
"#,
    keys: &[
        Key::<ClientsConfig>::count(
            "requests_per_second",
            1,
            |clients| clients.requests_per_second.get_or_insert(0),
            "Requests of a client in a second on average; further ones are answered with 429, and when to come again. \
             Probes, and what handlers ask of this server, do not count.",
        )
        .at_most(1_000_000)
        .by_default("no limit"),
        Key::<ClientsConfig>::count(
            "burst",
            1,
            |clients| clients.burst.get_or_insert(0),
            "Requests that a client may have at once after a rest.",
        )
        .at_most(1_000_000)
        .by_default("twice `requests_per_second`"),
        Key::<ClientsConfig>::count(
            "connections",
            1,
            |clients| clients.connections.get_or_insert(0),
            "Connections of a peer at once; further ones are closed. Those of trusted proxies do not count.",
        )
        .by_default("no limit"),
        Key::list(
            "exempt",
            "an address or network such as \"10.0.0.0/8\"",
            (
                |clients| clients.exempt.clear(),
                |clients, text| text.parse().map(|network| clients.exempt.push(network)),
            ),
            Unset::Said("none"),
            "Who has no limits.",
        ),
    ],
};

/// What one client may ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientsConfig {
    /// Requests in a second on average; none where there is no limit.
    pub requests_per_second: Option<u32>,
    /// Requests at once after a rest.
    pub burst: Option<u32>,
    /// Connections at once; none where there is no limit.
    pub connections: Option<u32>,
    /// Who has no limits.
    pub exempt: Vec<Network>,
}

/// How fast requests may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// From one to the next, on average.
    pub interval: Duration,
    /// How many may come at once after a rest.
    pub burst: u32,
}

impl ClientsConfig {
    /// How fast the requests of `client` may come; none where there is no limit.
    pub fn rate(&self, client: IpAddr) -> Option<Rate> {
        let second = self.requests_per_second?;
        let interval = Duration::from_secs(1) / second;
        let burst = self.burst.unwrap_or(second.saturating_mul(2));
        (!Network::any_has(&self.exempt, client)).then_some(Rate { interval, burst })
    }
}

/// What `root` says of clients.
pub(super) fn clients(root: &Section<'_, '_>) -> ClientsConfig {
    let section = root.section("clients");
    let mut clients = ClientsConfig::default();
    CLIENTS.read(&section, &mut clients);
    if clients.burst.is_some() && clients.requests_per_second.is_none() {
        section.problem_at(
            "burst",
            "there is no limit without `requests_per_second`; add it, or remove `burst`",
        );
    }
    clients
}
