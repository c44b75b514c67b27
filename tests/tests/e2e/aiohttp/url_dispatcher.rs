//! The record of aiohttp's dispatcher is what it answers.
//!
//! Our router is compared with the record where it can be asked directly, by the test
//! `the_router_agrees_with_aiohttp_but_for_listed_reasons` of the server's own package.
//! This test is the other half: it asks the dispatcher itself and compares that with
//! the record, so that the two are compared with each other, and not with a memory.

use patchboard_tests::{aiohttp_file, python};
use serde_json::Value;

#[test]
fn the_record_is_what_the_dispatcher_answers() {
    let read = |name: &str| std::fs::read_to_string(aiohttp_file(name)).unwrap();
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let now = parse(&python("aiohttp_table.py", &[&aiohttp_file("table.json")]));
    let record = parse(&read("aiohttp.json"));
    let version = now["aiohttp"].as_str().unwrap();
    assert!(version.starts_with("3.14."), "aiohttp {version}");
    assert!(read("requirements.txt").contains(&format!("aiohttp=={version} ")), "aiohttp {version}");

    let (answers, recorded) = (answers(&now), answers(&record));
    assert!(answers.len() > 300, "only {} answers", answers.len());
    let wrong: Vec<_> = answers.iter().zip(&recorded).filter(|(now, then)| now != then).collect();
    assert!(wrong.is_empty(), "{} answers are not those of the record: {wrong:#?}", wrong.len());
    // And whatever else there is to either.
    assert_eq!(now, record, "write the record anew, as aiohttp_table.py says");
}

/// Each answer, with the name of its group.
fn answers(record: &Value) -> Vec<(&str, &Value)> {
    let groups = record["groups"].as_array().unwrap().iter();
    groups
        .flat_map(|group| {
            let name = group["name"].as_str().unwrap();
            group["answers"].as_array().unwrap().iter().map(move |answer| (name, answer))
        })
        .collect()
}
