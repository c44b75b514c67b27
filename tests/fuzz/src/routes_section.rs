//! The `patchboard:routes` custom section: the routes that a component brings.
//!
//! The input is the section, a line of JSON a route. It is read from a core module, which
//! the host refuses only after it has read the routes. A second reader, of JSON without a
//! shape, says which names come in which order; routes that are written are read again as
//! the same; it makes no difference whether they are in one section or in two.

use patchboard_server::handlers::{Claim, Routes};
use patchboard_server::router::MethodFilter;
use serde_json::{Value, json};

use crate::loading;
use crate::wasm::{MODULE, Section};

/// Places at which the section is cut in two.
const CUTS: usize = 4;

/// Runs the target.
pub fn run(data: &[u8]) {
    let lines = || data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let claims = match read(&[data]) {
        Ok(claims) => claims,
        Err(reason) => {
            let named = lines().any(|line| reason.contains(&*String::from_utf8_lossy(line)));
            return assert!(named, "the line is not named: {reason}");
        }
    };
    if lines().next().is_none() {
        return assert_are_default(&claims);
    }
    assert_eq!(claims.len(), lines().count());
    for (claim, line) in claims.iter().zip(lines()) {
        // What nobody asks for may be wrong: the second reader then knows nothing of it.
        if let Ok(line) = serde_json::from_slice(line) {
            assert_eq!(name(&line), Some(&*claim.name));
        }
    }
    let written: String = claims.iter().map(|claim| format!("{}\n", write(claim))).collect();
    assert_eq!(read(&[written.as_bytes()]).as_ref(), Ok(&claims), "{written}");
    let newlines = data.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    for at in newlines.take(CUTS) {
        let (first, second) = data.split_at(at);
        assert_eq!(read(&[first, second]).as_ref(), Ok(&claims), "cut at {at}");
    }
}

/// What the host finds in these sections of one module.
fn read(sections: &[&[u8]]) -> Result<Routes, String> {
    let mut module = MODULE.to_vec();
    for section in sections {
        Section::custom("patchboard:routes", section).write(&mut module);
    }
    let Err(refused) = loading::load(&module) else { panic!("a core module is taken for a component") };
    let reason = refused.to_string();
    if reason.starts_with("is a core module") {
        return Ok(refused.claims);
    }
    assert!(reason.starts_with("its patchboard:routes section "), "{reason}");
    assert_are_default(&refused.claims);
    Err(reason)
}

/// A handler that brings none answers at its name and below.
fn assert_are_default(claims: &Routes) {
    let routes: Vec<_> = claims.iter().map(|claim| claim.route.to_string()).collect();
    assert_eq!(routes, ["/fuzz", "/fuzz/{*path}"]);
}

fn name(line: &Value) -> Option<&str> {
    // A list with the values in their order is as good as an object.
    let (version, name) =
        if line.is_array() { (line.get(0), line.get(3)) } else { (line.get("v"), line.get("name")) };
    assert_eq!(version, Some(&json!(1)));
    name?.as_str()
}

fn write(claim: &Claim) -> Value {
    let method = match &claim.route.method {
        MethodFilter::One(method) => method.as_str(),
        MethodFilter::Any => "*",
    };
    json!({"v": 1, "method": method, "pattern": claim.route.pattern.as_str(), "name": &*claim.name})
}
