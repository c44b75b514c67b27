//! Our mounts and aiohttp's static resource, over one folder, asked the same.
//!
//! Where they differ, `tests/aiohttp/static.json` says in what, and why. A difference
//! that is not listed fails, and so does one that is listed and is none.

use std::collections::BTreeSet;
use std::fs;

use patchboard_tests::{PythonServer, Server, aiohttp_file};
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::side::Side;
use super::table::{Differs, Everywhere, Request, Table};

#[test]
fn mounts_agree_with_aiohttp_but_for_listed_reasons() {
    let file = aiohttp_file("static.json");
    let table: Table = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let builder = Server::builder().config(&configuration(&table));
    let root = builder.dir().join("site");
    table.tree.make(&root);
    let aiohttp = PythonServer::start("static_server.py", &[&file, &root]);
    let server = builder.start();

    let mut theirs = Side::new(
        || aiohttp.connect(),
        |mount, file| {
            let mut connection = aiohttp.connect();
            connection.get(&format!("/-/version?mount=mount.{mount}&file={file}")).text().to_owned()
        },
    );
    // The first 64 bits of a SHA-256, in hexadecimal. All mounts that are asked have the root.
    let mut ours = Side::new(
        || server.connect(),
        |_, file| {
            let digest = Sha256::digest(fs::read(root.join(file)).unwrap());
            digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
        },
    );

    let mut used = Used::default();
    let mut wrong = Vec::new();
    for group in &table.groups {
        for request in &group.requests {
            let text = request.text();
            let mut found = Answer::of(&mut theirs, text).differences(&Answer::of(&mut ours, text));
            let nothing = Default::default();
            used.exact += usize::from(found.is_empty());
            let (listed, why) = match request {
                Request::Same(_) => (&nothing, "?"),
                Request::Differs(differs) => (&differs.differs, differs.why.as_str()),
            };
            found.retain(|of, pair| {
                let rule = table.everywhere.iter().position(|rule| rule.is(of, pair, aiohttp.version()));
                used.rules.extend(rule);
                rule.is_none() || listed.contains_key(of)
            });
            if found == *listed {
                used.reasons.extend((!listed.is_empty()).then_some(why));
                used.same += usize::from(listed.is_empty());
                used.different += usize::from(!listed.is_empty());
            } else {
                let found = Differs { request: text.to_owned(), differs: found, why: why.to_owned() };
                wrong.push(format!("{}: {}", group.name, serde_json::to_string(&found).unwrap()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ otherwise than listed:\n{}", wrong.len(), wrong.join("\n"));
    used.check(&table, aiohttp.version());
}

/// What of the table has been needed.
#[derive(Default)]
struct Used<'a> {
    reasons: BTreeSet<&'a str>,
    rules: BTreeSet<usize>,
    /// Requests that are answered alike, to the last header field that is compared.
    exact: usize,
    /// Those, and what differs only as everywhere.
    same: usize,
    different: usize,
}

impl<'a> Used<'a> {
    /// Nothing is listed that is not there.
    fn check(mut self, table: &'a Table, python: (u32, u32)) {
        for (number, rule) in table.everywhere.iter().enumerate() {
            assert!(
                self.rules.contains(&number) || !rule.holds(python),
                "there is no such difference: {:?} of {} ({})",
                (&rule.aiohttp, &rule.ours),
                rule.of,
                rule.why
            );
            self.reasons.insert(&rule.why);
        }
        let reasons: BTreeSet<_> = table.reasons.keys().map(String::as_str).collect();
        let unknown: Vec<_> = self.reasons.difference(&reasons).collect();
        assert!(unknown.is_empty(), "there are no such reasons: {unknown:?}");
        let needless: Vec<_> = reasons.difference(&self.reasons).collect();
        assert!(needless.is_empty(), "no difference has these reasons: {needless:?}");
        let total: usize = table.groups.iter().map(|group| group.requests.len()).sum();
        assert_eq!(self.same + self.different, total);
        println!(
            "{total} requests: {} alike, {} but for what is different everywhere, {} different; {} reasons",
            self.exact,
            self.same - self.exact,
            self.different,
            reasons.len()
        );
    }
}

impl Everywhere {
    fn holds(&self, python: (u32, u32)) -> bool {
        self.until_python.is_none_or(|until| python < until)
    }

    fn is(&self, of: &str, pair: &(Option<String>, Option<String>), python: (u32, u32)) -> bool {
        self.of == of && self.aiohttp == pair.0 && self.ours == pair.1 && self.holds(python)
    }
}

fn configuration(table: &Table) -> String {
    let mounts = table.mounts.iter().map(|mount| {
        format!("[[static]]\nprefix = \"{}\"\ndir = \"site/{}\"\n{}\n", mount.prefix, mount.dir, mount.ours)
    });
    mounts.collect()
}
