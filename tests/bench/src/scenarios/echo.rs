//! JSON that is read and written again: what a body costs on its way through a guest.

use super::scenario::{Kind, Scenario, Served, no_files};
use crate::load::Load;
use crate::request::Request;
use crate::subjects::{aiohttp, patchboard};

const KIB: usize = 1024;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

pub(crate) static ECHO_1K: Scenario = Scenario {
    name: "echo-1k",
    about: "1 KiB of JSON, parsed and sent back",
    kind: Kind::Served(echo(KIB, || json(KIB))),
};

pub(crate) static ECHO_64K: Scenario = Scenario {
    name: "echo-64k",
    about: "64 KiB of JSON, parsed and sent back",
    kind: Kind::Served(echo(64 * KIB, || json(64 * KIB))),
};

const fn echo(bytes: usize, body: fn() -> Vec<u8>) -> Served {
    Served {
        ours: &patchboard::WORK,
        peers: &[&aiohttp::AIOHTTP],
        site: no_files,
        request: Request::post("/echo", JSON, body),
        bytes: bytes as u64,
        load: Load::Steady { connections: 32 },
        seconds: 3,
        aims: &[],
        each: None,
    }
}

/// A list of small objects, and a text that fills it up to so many bytes; without
/// spaces, so that it is as long after it was parsed and written.
fn json(bytes: usize) -> Vec<u8> {
    let mut json = String::from("[");
    for id in 1000.. {
        let object = format!(r#"{{"id":{id},"name":"item {id}","price":{id}.5,"tags":["a","b"]}},"#);
        if json.len() + object.len() + 3 > bytes {
            break;
        }
        json.push_str(&object);
    }
    let rest = bytes.saturating_sub(json.len() + 3);
    json.push_str(&format!("\"{}\"]", "x".repeat(rest)));
    json.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_what_comes_back() {
        for bytes in [KIB, 64 * KIB] {
            let sent = json(bytes);
            let value: serde_json::Value = serde_json::from_slice(&sent).unwrap();
            assert_eq!((sent.len(), serde_json::to_vec(&value).unwrap().len()), (bytes, bytes));
        }
    }
}
