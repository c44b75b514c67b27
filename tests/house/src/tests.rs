//! What must fail, fails: small crates with one thing wrong in each.

use crate::circles::circles;
use crate::floors::Floors;
use crate::invariants;
use crate::tree::{Sources, Tree};

fn sources(files: &[(&str, &str)]) -> Sources {
    files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect()
}

/// The crate whose root is the first file.
fn tree(files: &[(&str, &str)]) -> Tree {
    Tree::read(&sources(files), files[0].0).unwrap()
}

/// Its arrows, as `from:line -> to`.
fn arrows(files: &[(&str, &str)]) -> Vec<String> {
    tree(files)
        .arrows()
        .iter()
        .map(|arrow| format!("{}:{} -> {}", arrow.from, arrow.line, arrow.to))
        .collect()
}

#[test]
fn each_way_to_name_an_item_is_an_arrow() {
    for text in [
        "use crate::b::B;",
        "use crate::{b::{B as _}};",
        "use super::b::{self, B};",
        "use super::b; fn f(_: b::B) {}",
        "fn f() { super::b::B::new(); }",
        "fn f() { use crate::b as c; c::B; }",
        "fn f() { assert!(matches!(x, crate::b::B { .. })); }",
        "fn f(x: Vec<&'static crate::b::B>) {}",
        "impl From<crate::b::B> for u8 {}",
        "mod within { use super::super::b::B; }",
        "use crate::b::*;",
        "use crate::B;",
        "use crate::again::B;",
        "fn f() -> crate::again::Renamed {}",
        "macro_rules! m { () => { $crate::b::B } }",
        "#[derive(crate::b::B)] struct A;",
    ] {
        let files = [
            ("src/lib.rs", "mod a; mod b; mod again; pub use b::B;"),
            ("src/a.rs", text),
            ("src/b.rs", "pub struct B;"),
            ("src/again.rs", "pub use crate::b::B; pub use crate::b::B as Renamed;"),
        ];
        let found = arrows(&files);
        assert!(found.contains(&"src/a.rs:1 -> src/b.rs".to_owned()), "{text}: {found:?}");
        assert!(
            !found.iter().any(|arrow| arrow.starts_with("src/a.rs") && !arrow.ends_with("src/b.rs")),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn what_only_looks_like_an_arrow_is_none() {
    for text in [
        "//! [`crate::b::B`]",
        "/// As [B](crate::b::B).\nstruct A;",
        "const A: &str = \"crate::b::B\";",
        "#[cfg(test)] mod tests { use crate::b::B; }",
        "#[cfg(all(test, unix))] use crate::{b::B};",
        "#[cfg(test)] fn f() -> crate::b::B { crate::b::B }",
        "pub(in crate::b) struct A;",
        "struct B; fn f(_: B) {}",
        "use other::b::B;",
        "use ::b::B;",
        "fn f(x: X) { x.b::<u8>(); X::b::c(); <X as Y>::b::c() }",
        "use crate::b;",
    ] {
        let files = [
            ("src/lib.rs", "mod a; mod b; pub use b::B;"),
            ("src/a.rs", text),
            ("src/b.rs", "pub struct B; pub fn b() {}"),
        ];
        assert_eq!(arrows(&files), [""; 0], "{text}");
    }
    assert_eq!(
        arrows(&[("src/lib.rs", "#[cfg(not(test))] use b::B; mod b;"), ("src/b.rs", "pub struct B;")]),
        ["src/lib.rs:1 -> src/b.rs"]
    );
}

#[test]
fn files_are_found_where_rust_finds_them() {
    let files = [
        ("src/lib.rs", "mod a; #[path = \"far/c.rs\"] mod b; mod inline { mod d; }"),
        ("src/a/mod.rs", "mod deep;"),
        ("src/a/deep.rs", "use crate::b::C;"),
        ("src/far/c.rs", "pub struct C; use crate::inline::d::D;"),
        ("src/inline/d.rs", "pub struct D;"),
    ];
    assert_eq!(arrows(&files), ["src/a/deep.rs:1 -> src/far/c.rs", "src/far/c.rs:1 -> src/inline/d.rs"]);
    let missing = Tree::read(&sources(&[("src/lib.rs", "mod a;")]), "src/lib.rs").err();
    assert_eq!(missing.as_deref(), Some("src/a/mod.rs is missing"));
}

#[test]
fn circles_are_found_through_a_parent_and_its_re_exports() {
    let files = [
        ("src/lib.rs", "mod a; mod b; mod c;"),
        ("src/a/mod.rs", "mod one;\nmod two;\npub use two::Two;\npub fn shared() { one::one() }"),
        ("src/a/one.rs", "//! One.\npub fn one() { super::shared() }"),
        ("src/a/two.rs", "use crate::b::B;\npub struct Two;"),
        ("src/b.rs", "pub struct B;\n\nuse crate::a::Two;"),
        ("src/c.rs", "use crate::{a::Two, b::B};"),
    ];
    let expected = [
        "src/a/mod.rs:4 (one::one) -> src/a/one.rs:2 (super::shared) -> src/a/mod.rs",
        "src/a/two.rs:1 (crate::b::B) -> src/b.rs:3 (crate::a::Two) -> src/a/two.rs",
    ];
    assert_eq!(circles(&tree(&files).arrows()), expected);
}

const DOCUMENT: &str = "
| word | meaning |
|---|---|
| call | a request |

| floor | files and folders | what |
|---|---|---|
| roof | `mod.rs`, `../deploy/` | all |
| 2 | `pool/`, `grants/*/link.rs`, `call.rs` | above |
| 1 | `engine.rs`, `grants/`, `error.rs` | `below` |

| other | `table.rs` |
";

/// What the floors say to one file that uses an item of another.
fn floors(from: &str, to: &str) -> Option<String> {
    let from = format!("host/src/handlers/{from}");
    let to = format!("host/src/handlers/{to}");
    let arrow = crate::tree::Arrow { from, to, line: 7, path: "a::B".to_owned() };
    Floors::read(DOCUMENT).unwrap().wrong(&arrow)
}

#[test]
fn an_arrow_goes_downwards() {
    for (from, to) in [
        ("pool/call.rs", "engine.rs"),
        ("pool/call.rs", "pool/mod.rs"),
        ("pool/call.rs", "grants/sql/mod.rs"),
        ("grants/sql/link.rs", "grants/sql/mod.rs"),
        ("engine.rs", "error.rs"),
        ("mod.rs", "call.rs"),
    ] {
        assert_eq!(floors(from, to), None, "{from} -> {to}");
    }
    assert_eq!(
        floors("engine.rs", "pool/call.rs").as_deref(),
        Some(
            "host/src/handlers/engine.rs:7: `a::B` leads from floor 1 to floor 2, host/src/handlers/pool/call.rs"
        )
    );
    for (from, to) in [
        ("call.rs", "mod.rs"),
        ("call.rs", "pool/mod.rs"),
        ("pool/mod.rs", "call.rs"),
        ("grants/sql/mod.rs", "grants/sql/link.rs"),
        ("grants/sql/link.rs", "grants/log/link.rs"),
    ] {
        assert!(floors(from, to).is_some(), "{from} -> {to}");
    }
}

#[test]
fn the_table_and_the_folder_are_the_same() {
    let floors = Floors::read(DOCUMENT).unwrap();
    let names = [
        "mod.rs",
        "pool/mod.rs",
        "pool/call.rs",
        "grants/sql/link.rs",
        "grants/mod.rs",
        "engine.rs",
        "call.rs",
        "new.rs",
    ];
    let files: Vec<String> = names
        .iter()
        .map(|name| format!("host/src/handlers/{name}"))
        .chain(["host/src/deploy/mod.rs".to_owned()])
        .collect();
    let wrong = floors.misplaced(&files.iter().map(String::as_str).collect());
    let expected = [
        "host/src/handlers/new.rs is on no floor: the table in ARCHITECTURE.md has a row a floor",
        "the table of floors in ARCHITECTURE.md names host/src/handlers/error.rs, which is no file or folder",
    ];
    assert_eq!(wrong, expected);
    assert!(Floors::read("| word | meaning |").is_err());
}

#[test]
fn a_name_is_only_where_it_may_be() {
    for (file, text, expected) in [
        (
            "host/src/lib.rs",
            "use std::{env, fs};",
            "host/src/lib.rs:1: names std::env; only host/src/config/ and host/src/cli/ may (invariant 1 of ARCHITECTURE.md)",
        ),
        ("host/src/config/lib.rs", "fn f() { std::env::var(1); }", ""),
        (
            "host/src/lib.rs",
            "use wasmtime as w;",
            "host/src/lib.rs:1: names wasmtime; only host/src/handlers/ may (invariant 2 of ARCHITECTURE.md)",
        ),
        (
            "host/sql/src/lib.rs",
            "type A = tokio::net::TcpListener;",
            "host/sql/src/lib.rs:1: names tokio::net::TcpListener; only host/src/server/ may (invariant 2 of ARCHITECTURE.md)",
        ),
        (
            "host/src/router/lib.rs",
            "use std::io;",
            "host/src/router/lib.rs:1: names std::io; this file is pure (invariant 2 of ARCHITECTURE.md)",
        ),
        ("host/src/router/lib.rs", "use std::net::IpAddr; use http::Uri;", ""),
        ("host/load/src/lib.rs", "use std::env;", ""),
    ] {
        let wrong = invariants::named(&tree(&[(file, text)]).mentions());
        assert_eq!(wrong.first().map_or("", String::as_str), expected, "{text}");
    }
}

#[test]
fn a_file_that_an_invariant_names_is_there() {
    let wrong = invariants::stale(&["host/src/router/mod.rs"].into());
    let expected = "tests/house/src/invariants.rs: names host/src/answers/, which is no file or folder";
    assert_eq!(wrong.first().map_or("", String::as_str), expected);
    assert!(!wrong.iter().any(|wrong| wrong.contains("host/src/router/")));
}

#[test]
fn host_and_guests_do_not_know_each_other() {
    let manifests = sources(&[
        (
            "guest-handlers/sdk/Cargo.toml",
            "[package]\nname = \"sdk\"\n\n[dependencies]\npattern = { path = \"../../wit/pattern\" }\n",
        ),
        (
            "host/Cargo.toml",
            "[package]\nname = \"server\"\n\n[dependencies]\npattern = \"1\"\n\n[dev-dependencies]\n# Not\nsdk.workspace = true\n",
        ),
        ("tests/Cargo.toml", "[package]\nname = \"tests\"\n\n[dependencies.sdk]\n\n[dependencies.server]\n"),
        (
            "tests/guests/ill/Cargo.toml",
            "[package]\nname = \"ill\"\n\n[target.'cfg(unix)'.dependencies.server]\n",
        ),
        ("wit/pattern/Cargo.toml", "[package]\nname = \"pattern\"\n"),
    ]);
    let expected = [
        "host/Cargo.toml:9: depends on sdk (guest-handlers/sdk/Cargo.toml); only tests may know both (invariant 3 of ARCHITECTURE.md)",
        "tests/guests/ill/Cargo.toml:4: depends on server (host/Cargo.toml); only tests may know both (invariant 3 of ARCHITECTURE.md)",
    ];
    assert_eq!(invariants::packages(&manifests), expected);
}

#[test]
fn unsafe_code_stays_forbidden() {
    let own = "[package]\nname = \"a\"\n";
    let whole = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n";
    let wrong = invariants::lints(&sources(&[
        ("Cargo.toml", whole),
        ("host/a/Cargo.toml", own),
        ("tests/Cargo.toml", own),
    ]));
    assert_eq!(
        wrong,
        ["host/a/Cargo.toml: has not the lints of the workspace (invariant 6 of ARCHITECTURE.md)"]
    );
    assert_eq!(invariants::lints(&sources(&[("Cargo.toml", "")])).len(), 1);
}
