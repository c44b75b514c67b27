//! The addresses that are listened on.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Removes an address that is there already, and tells which; any free port may be asked
/// for more than once.
pub(super) fn take_repeated(addresses: &mut Vec<SocketAddr>) -> Option<SocketAddr> {
    let (mut seen, mut repeated) = (HashSet::new(), None);
    addresses.retain(|address| {
        let is_new = address.port() == 0 || seen.insert(*address);
        if !is_new {
            repeated = Some(*address);
        }
        is_new
    });
    repeated
}

/// An address to listen on: of IP, and with a port.
///
/// # Errors
///
/// Says what the address could be.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let shown = text.escape_debug();
        let remedy = match text.rsplit_once(':') {
            Some(("" | "*", port)) if is_port(port) => {
                format!("write 0.0.0.0:{port}, or [::]:{port}, for every address of this machine")
            }
            Some(("localhost", port)) if is_port(port) => format!("write 127.0.0.1:{port} or [::1]:{port}"),
            Some((host, port)) if is_port(port) && host.parse::<Ipv6Addr>().is_ok() => {
                format!("write an IPv6 address in brackets, [{host}]:{port}")
            }
            _ if text.parse::<IpAddr>().is_ok() => {
                "add a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned()
            }
            _ if is_port(text) => format!("write 127.0.0.1:{text}"),
            _ => "write an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned(),
        };
        format!("`{shown}` is no address to listen on; {remedy}")
    })
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_told_what_it_could_be() {
        for (text, remedy) in [
            ("::1:80", "brackets, [::1]:80"),
            ("localhost:80", "127.0.0.1:80 or [::1]:80"),
            (":80", "0.0.0.0:80, or [::]:80"),
            ("*:80", "0.0.0.0:80, or [::]:80"),
            ("127.0.0.1", "add a port"),
            ("::1", "add a port"),
            ("8080", "write 127.0.0.1:8080"),
            ("example.com:80", "an IP address and a port"),
            ("127.0.0.1:99999", "an IP address and a port"),
            ("", "an IP address and a port"),
        ] {
            let error = parse_address(text).unwrap_err();
            assert!(error.contains(&format!("`{text}`")) && error.contains(remedy), "{text}: {error}");
        }
        for text in ["127.0.0.1:80", "[::1]:80", "0.0.0.0:0"] {
            assert_eq!(parse_address(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_free_port_may_be_asked_for_more_than_once() {
        let addresses =
            |texts: &[&str]| texts.iter().map(|text| parse_address(text).unwrap()).collect::<Vec<_>>();
        let mut fine = addresses(&["127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:80", "[::1]:80"]);
        assert_eq!((take_repeated(&mut fine), fine.len()), (None, 4));
        let mut repeated = addresses(&["127.0.0.1:80", "[::1]:80", "127.0.0.1:80"]);
        assert_eq!(take_repeated(&mut repeated), "127.0.0.1:80".parse().ok());
        assert_eq!(repeated, addresses(&["127.0.0.1:80", "[::1]:80"]));
    }
}
