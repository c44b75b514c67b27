//! One hop of a request, and the grammar of `Forwarded` (RFC 7239, section 4).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::uri::Scheme;

use crate::authority;

/// What a proxy tells of the request as it came to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// None where it was hidden.
    pub(super) client: Option<IpAddr>,
    pub(super) scheme: Option<Scheme>,
    pub(super) authority: Option<Arc<str>>,
}

impl Element {
    /// All elements of all lines; none if there is anything wrong with any, since a
    /// client may have written the start so as to hide the rest.
    pub(super) fn parse_all(lines: &[&str]) -> Option<Vec<Self>> {
        let mut elements = Vec::new();
        for line in lines {
            let mut rest = *line;
            loop {
                let (element, after) = parse(rest)?;
                elements.extend(element);
                match after.strip_prefix(',') {
                    Some(after) => rest = after,
                    None if after.is_empty() => break,
                    None => return None,
                }
            }
        }
        Some(elements)
    }
}

/// One element, which may be empty, and what follows it.
fn parse(text: &str) -> Option<(Option<Element>, &str)> {
    let (mut client, mut scheme_of, mut authority_of) = (None, None, None);
    let mut rest = text.trim_start();
    let mut empty = true;
    while !rest.is_empty() && !rest.starts_with(',') {
        if let Some(after) = rest.strip_prefix(';') {
            rest = after.trim_start();
            continue;
        }
        let (name, after) = token(rest)?;
        let (value, after) = value(after.strip_prefix('=')?)?;
        let slot = match name.to_ascii_lowercase().as_str() {
            "for" => Some(&mut client),
            "proto" => Some(&mut scheme_of),
            "host" => Some(&mut authority_of),
            _ => None,
        };
        if let Some(slot) = slot
            && slot.replace(value).is_some()
        {
            return None;
        }
        rest = after.trim_start();
        if !rest.is_empty() && !rest.starts_with([',', ';']) {
            return None;
        }
        empty = false;
    }
    let element = Element {
        client: client.and_then(|text| address(&text)),
        scheme: scheme_of.and_then(|text| scheme(&text)),
        authority: authority_of.and_then(|text| authority::parse(&text)),
    };
    Some(((!empty).then_some(element), rest))
}

/// RFC 9110, section 5.6.2
fn token(text: &str) -> Option<(&str, &str)> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(token, _)| !token.is_empty())
}

/// A token, or a quoted string (RFC 9110, section 5.6.4).
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        return token(text).map(|(token, rest)| (token.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return quoted.get(at + 1..).map(|rest| (value, rest)),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

pub(super) fn scheme(text: &str) -> Option<Scheme> {
    match text.to_ascii_lowercase().as_str() {
        "http" => Some(Scheme::HTTP),
        "https" => Some(Scheme::HTTPS),
        _ => None,
    }
}

/// An address, maybe in brackets, maybe with a port.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let socket = || text.parse().map(|socket: SocketAddr| socket.ip());
    bare.parse().or_else(|_| socket()).ok().map(|address: IpAddr| address.to_canonical())
}
