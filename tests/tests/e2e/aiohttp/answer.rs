//! What is compared of a response: its aspects, by name, without what has to be
//! different (such as a tag's value) or does not matter (such as the text of an error).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use patchboard_tests::Reply;
use sha2::{Digest, Sha256};

use super::side::Side;
use super::table::Pair;

/// Compared as they are, whatever the status.
const FIELDS: [&str; 6] =
    ["accept-ranges", "cache-control", "content-encoding", "content-range", "last-modified", "location"];

/// Compared as sets.
const LISTS: [&str; 2] = ["allow", "vary"];

/// The aspects of a response.
pub(crate) struct Answer(BTreeMap<&'static str, String>);

impl Answer {
    /// Asks one of the servers.
    pub(crate) fn of(side: &mut Side<'_>, request: &str) -> Self {
        let reply = side.ask(request);
        let mut aspects = BTreeMap::from([("status", reply.status.to_string())]);
        for name in FIELDS {
            if let Some(value) = reply.header(name) {
                aspects.insert(name, value.to_owned());
            }
        }
        for name in LISTS {
            if let Some(value) = reply.header(name) {
                let mut names: Vec<_> =
                    value.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
                names.sort();
                aspects.insert(name, names.join(", "));
            }
        }
        if let Some(tag) = reply.header("etag") {
            aspects.insert("etag", if tag.starts_with("W/") { "weak" } else { "strong" }.to_owned());
        }
        if matches!(reply.status, 200 | 206) {
            let get = request.strip_prefix("HEAD ").map(|rest| side.ask(&format!("GET {rest}")));
            put_content(&mut aspects, request, &reply, get.as_ref());
        }
        Self(aspects)
    }

    /// In what the other is different. Another status is another answer, of which
    /// nothing else is compared.
    pub(crate) fn differences(&self, ours: &Self) -> BTreeMap<String, Pair> {
        let names = self.0.keys().chain(ours.0.keys());
        let pairs = names.map(|name| ((*name).to_owned(), (self.get(name), ours.get(name))));
        let mut pairs: BTreeMap<_, _> = pairs.filter(|(_, (aiohttp, ours))| aiohttp != ours).collect();
        if pairs.contains_key("status") {
            pairs.retain(|name, _| name == "status");
        }
        pairs
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

/// The content, and what is said of it. `get` is what GET has instead of HEAD.
fn put_content(
    aspects: &mut BTreeMap<&'static str, String>,
    request: &str,
    reply: &Reply,
    get: Option<&Reply>,
) {
    let media_type = reply.header("content-type").unwrap_or_default();
    let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
    aspects.insert("content-type", essence.trim().to_owned());
    if let Some(charset) = parameters.trim().strip_prefix("charset=") {
        aspects.insert("charset", charset.to_ascii_lowercase());
    }
    let length = reply.header("content-length").unwrap_or("none");
    match links(request, get.unwrap_or(reply)) {
        // A listing looks as it likes, and is as long, but has the same names in it.
        Some((names, up)) => {
            let whole = get.unwrap_or(reply).body.len().to_string();
            aspects.insert(
                "content-length",
                if length == whole { "that of the listing" } else { length }.to_owned(),
            );
            if get.is_none() {
                aspects.insert("listed", names.join(" "));
            }
            if up && get.is_none() {
                aspects.insert("listed above", "../".to_owned());
            }
        }
        None => {
            aspects.insert("content-length", length.to_owned());
            aspects.insert("body", shown(&reply.body));
        }
    }
}

/// A short text as it is, else its length and digest.
fn shown(body: &[u8]) -> String {
    match str::from_utf8(body) {
        Ok(text) if text.len() < 60 => text.to_owned(),
        _ => {
            let mut shown = format!("{} bytes, SHA-256 ", body.len());
            for byte in &Sha256::digest(body)[..8] {
                write!(shown, "{byte:02x}").unwrap();
            }
            shown
        }
    }
}

/// The links of a listing, decoded and relative to the folder, and whether one of
/// them leads to the folder above; `None` if this is no listing.
fn links(request: &str, reply: &Reply) -> Option<(Vec<String>, bool)> {
    let path = request.split(' ').nth(1)?.split('?').next()?;
    let links: Vec<String> = match reply.header("content-type")? {
        "application/json" => {
            let listing = serde_json::from_slice::<serde_json::Value>(&reply.body).ok()?;
            let entries = listing.get("entries")?.as_array()?;
            entries.iter().filter_map(|entry| Some(entry["href"].as_str()?.to_owned())).collect()
        }
        _ => {
            let page = str::from_utf8(&reply.body).ok()?.split_once("<title>Index of ")?.1;
            let links = page.split(" href=\"").skip(1).filter_map(|link| link.split('"').next());
            links.map(str::to_owned).collect()
        }
    };
    // Those that sort the listing anew are no entries.
    let entries = links.iter().filter(|link| !link.starts_with('?')).map(|link| decoded(link));
    let folder = format!("{}/", decoded(path).trim_end_matches('/'));
    let (above, mut names): (Vec<_>, Vec<_>) = entries
        .map(|link| link.strip_prefix(&folder).map(str::to_owned).unwrap_or(link))
        .partition(|link| link.starts_with("../"));
    names.sort();
    Some((names, !above.is_empty()))
}

/// Without percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut parts = text.split('%');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).unwrap());
        bytes.extend(rest.bytes());
    }
    String::from_utf8(bytes).unwrap()
}
