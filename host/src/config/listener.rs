//! `[[listener]]`: where connections are accepted, and what is spoken there.

use std::net::{Ipv4Addr, SocketAddr};

use super::address::parse_address;
use super::key::{Key, Table, Unset};
use super::reader::Section;

/// `[[listener]]`.
pub(super) static LISTENER: Table<ListenerConfig> = Table {
    header: "[[listener]]",
    noun: "a listener",
    intro: "An address where connections are accepted, beside those of `listen` in `[server]`, and what is spoken \
            there. It can be there any number of times; where it is, and `listen` is not, only the listeners are \
            listened on.",
    example: r#"
[[listener]]
address = "[::]:443"
tls = true

[[listener]]
address = "[::]:80"
to_https = true

[[certificate]]
chain = "tls/example.org.pem"
key = "tls/example.org.key"
"#,
    keys: &[
        Key::<ListenerConfig>::text(
            "address",
            "an address such as \"127.0.0.1:8080\" or \"[::]:443\"",
            |listener, text| parse_address(text).map(|address| listener.address = address),
            Unset::Required,
            "Where connections are accepted; port 0 takes any free port. `[::]` is every address of both families, \
             unless `0.0.0.0` is listened on at the same port. A socket of it that systemd passes is used instead.",
        )
        .needs_restart(),
        Key::<ListenerConfig>::boolean(
            "tls",
            |listener| &mut listener.tls,
            "Whether TLS is spoken there, by the certificates of `[[certificate]]`, and in it HTTP/2 or HTTP/1.1 as \
             the client likes.",
        )
        .needs_restart(),
        Key::<ListenerConfig>::boolean(
            "h2c",
            |listener| &mut listener.h2c,
            "Whether HTTP/2 is spoken there without TLS with who begins with it (RFC 9113, section 3.3), as \
             proxies do that are told to.",
        )
        .needs_restart(),
        Key::<ListenerConfig>::boolean(
            "to_https",
            |listener| &mut listener.to_https,
            "Whether whatever is asked there is redirected (308) to the same at `https`, at the port of the first \
             listener that speaks TLS.",
        )
        .needs_restart(),
    ],
};

/// Where connections are accepted, and what is spoken there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerConfig {
    /// The address; port 0 takes any free port.
    pub address: SocketAddr,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Whether HTTP/2 is spoken without TLS.
    pub h2c: bool,
    /// Whether all of it is redirected to where TLS is spoken.
    pub to_https: bool,
}

impl ListenerConfig {
    /// One of HTTP/1.1 alone.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: false, h2c: false, to_https: false }
    }
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self::plain((Ipv4Addr::LOCALHOST, 0).into())
    }
}

/// The listeners, no two of which have the same address, nor one that is `listed` elsewhere.
pub(super) fn listeners(root: &Section<'_, '_>, listed: &[SocketAddr]) -> Vec<ListenerConfig> {
    let mut listeners = Vec::<ListenerConfig>::new();
    for section in root.sections("listener") {
        let mut listener = ListenerConfig::default();
        LISTENER.read(&section, &mut listener);
        if !section.has("address") {
            continue;
        }
        let address = listener.address;
        if listener.tls && listener.to_https {
            section.problem_at("to_https", "it speaks TLS itself; remove it, or `tls`");
        }
        if listener.tls && listener.h2c {
            section.problem_at("h2c", "with TLS, HTTP/2 needs no `h2c`; remove it, or `tls`");
        }
        section.note_as("address", format!("listener {address}"));
        let mut taken = listed.iter().copied().chain(listeners.iter().map(|other| other.address));
        match address.port() != 0 && taken.any(|other| other == address) {
            true => section.problem_at("address", format!("{address} is there twice; keep one of them")),
            false => listeners.push(listener),
        }
    }
    listeners
}
