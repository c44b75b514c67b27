//! Where an outbound connection leads: names become addresses, and only public ones.
//!
//! The addresses that were checked are the ones that are connected to, so that a name
//! cannot lead elsewhere between the two.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;

use super::look_ups::LOOK_UPS;

/// Resolves names and refuses those that lead to private addresses.
#[derive(Debug, Clone)]
pub(super) struct Resolver;

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            let found = LOOK_UPS.addresses(name.as_str()).await?;
            let local = name.as_str() == "localhost";
            let public = found.iter().filter(|address| local || !is_private(**address));
            let addresses: Vec<_> = public.map(|address| SocketAddr::new(*address, 0)).collect();
            if addresses.is_empty() {
                let text =
                    format!("{} leads to private addresses only; list the address itself", name.as_str());
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
            }
            Ok(addresses.into_iter())
        })
    }
}

/// Whether an address is not of the public internet: what the registries of special-purpose
/// addresses (RFC 6890, kept by IANA) have as not globally reachable, multicast, and what was
/// never given out. Of the few exceptions inside such a range none is anybody's server.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => is_private_v4(ip),
        IpAddr::V6(ip) => is_private_v6(ip),
    }
}

fn is_private_v4(ip: Ipv4Addr) -> bool {
    match ip.octets() {
        // This network, private use, loopback, multicast and what is reserved.
        [0 | 10 | 127 | 224.., ..]
        | [169, 254, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        // Shared by a provider's customers (RFC 6598).
        | [100, 64..=127, ..]
        // Protocols, documentation, the relays of 6to4, and benchmarks.
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => true,
        _ => false,
    }
}

fn is_private_v6(ip: Ipv6Addr) -> bool {
    if let Some(ip) = ip.to_ipv4_mapped() {
        return is_private_v4(ip);
    }
    match ip.segments() {
        // An IPv4 address behind a translator (RFC 6052): that is where it leads.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            is_private_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Protocols, Teredo among them (RFC 4380); documentation, twice; 6to4 (RFC 3056).
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] | [0x2002, ..] => true,
        // All that is given out begins so.
        [first, ..] => !(0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first and the last of each range, and the addresses before and after it that are
    /// public.
    #[test]
    fn every_range_that_is_not_global_is_private() {
        for (ranges, is_expected) in [
            (
                "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 \
                 127.255.255.255 169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 \
                 192.0.0.8 192.0.0.170 192.0.0.255 192.0.2.0 192.0.2.255 192.88.99.1 192.168.0.0 192.168.255.255 \
                 198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255 224.0.0.1 \
                 239.255.255.255 240.0.0.0 255.255.255.255",
                true,
            ),
            (
                "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 \
                 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.31.196.1 192.52.193.1 \
                 192.88.98.1 192.167.255.255 192.169.0.0 192.175.48.1 198.17.255.255 198.20.0.0 198.51.99.1 \
                 203.0.112.255 203.0.114.0 223.255.255.255",
                false,
            ),
            (
                ":: ::1 ::7f00:1 ::ffff:10.0.0.1 ::ffff:127.0.0.1 ::ffff:0:1.1.1.1 64:ff9b::10.0.0.1 \
                 64:ff9b::169.254.169.254 64:ff9b:1::1.1.1.1 64:ff9b:0:1::1.1.1.1 100::1 100:0:0:1::1 2001::1 \
                 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:30::1 \
                 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff 2001:db8::1 2001:db8:ffff::1 2002:7f00:1:: \
                 2002:101:101::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fd00::1 fe80::1 fec0::1 ff02::1 ff0e::1 \
                 1fff:ffff::1",
                true,
            ),
            (
                "2001:200::1 2001:4860:4860::8888 2001:db7::1 2001:db9::1 2003::1 2606:4700::1111 \
                 2620:4f:8000::1 2a00::1 3fff:1000::1 3ffe::1 ::ffff:1.1.1.1 64:ff9b::1.1.1.1",
                false,
            ),
        ] {
            for address in ranges.split_whitespace() {
                assert_eq!(is_private(address.parse().unwrap()), is_expected, "{address}");
            }
        }
    }
}
