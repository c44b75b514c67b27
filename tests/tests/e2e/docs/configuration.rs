//! The TOML of the documentation: configurations, with stand-ins for what they name,
//! what lies beside a component, and the manifest of a handler.

use std::fs;
use std::process::Command;

use patchboard_tests::{Authority, Server, ServerBuilder, workspace};
use regex::Regex;
use toml::{Table, Value};

use super::page::Purpose;
use super::{all, none};

#[test]
fn configurations_are_loaded() {
    let mut failures = Vec::new();
    for block in all().iter().flat_map(|page| page.blocks(Purpose::Configuration)) {
        let text = here(&block.text);
        let table: Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                failures.push(format!("{}: {error}", block.place));
                continue;
            }
        };
        let builder = stand_ins(Server::builder(), &table)
            .file("documented.toml", &text)
            .argument("--config")
            .argument("documented.toml");
        let exited = builder.check();
        if exited.code != Some(0) {
            failures.push(format!("{}: {}", block.place, exited.log));
        }
    }
    none(&failures);
}

/// The text with addresses and files of this machine: ports below 1024 may be taken, and nobody
/// has another's certificates.
fn here(text: &str) -> String {
    let address = Regex::new("(?m)^address = \".*\"$").unwrap();
    let text = address.replace_all(text, "address = \"127.0.0.1:0\"");
    text.replace("/etc/letsencrypt/live/example.org/", "tls/")
}

/// Makes what `table` names: components, folders, secrets and variables. Addresses are
/// this machine's, since those of the documentation are others'. An excerpt without
/// `[server]` is one of a file that names the folder of the handlers.
fn stand_ins(mut builder: ServerBuilder, table: &Table) -> ServerBuilder {
    let secrets = builder.dir().join("secrets");
    builder = builder
        .variable("CREDENTIALS_DIRECTORY", &secrets.display().to_string())
        .variable("PATCHBOARD_LISTEN", "127.0.0.1:0");
    match table.get("server") {
        None => builder = builder.argument("--handlers").argument("handlers"),
        Some(server) if server.get("probes").is_some() => {
            builder = builder.variable("PATCHBOARD_PROBES", "127.0.0.1:0");
        }
        Some(_) => {}
    }
    for handler in table.get("handlers").and_then(Value::as_table).into_iter().flat_map(Table::keys) {
        builder = builder.guest_as("p3-hello", handler);
    }
    let authority = Authority::new();
    for certificate in table.get("certificate").and_then(Value::as_array).into_iter().flatten() {
        let path = |key: &str| builder.dir().join(certificate[key].as_str().unwrap());
        let (chain, key) = (path("chain"), path("key"));
        let folder = chain.parent().unwrap();
        fs::create_dir_all(folder).unwrap();
        authority.issue(folder, "made", &["example.org"]);
        fs::rename(folder.join("made.pem"), &chain).unwrap();
        fs::rename(folder.join("made.key"), &key).unwrap();
    }
    for (name, value) in table {
        let secret = match &**name {
            "sql" => "postgres://patchboard@127.0.0.1:1/documented",
            "key_value" => "redis://127.0.0.1:1/0",
            _ => "secret",
        };
        builder = named(builder, value, secret);
    }
    builder
}

fn named(mut builder: ServerBuilder, value: &Value, secret: &str) -> ServerBuilder {
    let Some(table) = value.as_table() else {
        let tables = value.as_array().into_iter().flatten();
        return tables.fold(builder, |builder, value| named(builder, value, secret));
    };
    for (key, value) in table {
        builder = match (&**key, value) {
            ("dir" | "migrations", Value::String(path)) => builder.file(&format!("{path}/.keep"), ""),
            ("client_authorities", Value::String(path)) => builder.file(path, Authority::new().pem()),
            ("secret", Value::String(name)) => builder.file(&format!("secrets/{name}"), secret),
            ("variable", Value::String(name)) => builder.variable(name, secret),
            ("folders" | "writable_folders", Value::Table(folders)) => folders
                .values()
                .filter_map(Value::as_str)
                .fold(builder, |builder, path| builder.file(&format!("{path}/.keep"), "")),
            _ => named(builder, value, secret),
        };
    }
    builder
}

#[test]
fn what_lies_beside_a_component_is_taken() {
    for block in all().iter().flat_map(|page| page.blocks(Purpose::Beside)) {
        let exited =
            Server::builder().guest_as("p3-hello", "name").file("handlers/name.toml", &block.text).check();
        assert_eq!(exited.code, Some(0), "{}: {}", block.place, exited.log);
        let table: Table = block.text.parse().unwrap();
        for route in table["routes"].as_array().unwrap() {
            let route = route.as_str().or_else(|| route.get("route")?.as_str()).expect("a route");
            assert!(exited.output.contains(route), "{}: no {route} in {}", block.place, exited.output);
        }
    }
}

#[test]
fn manifests_are_those_of_handlers() {
    for page in all() {
        for block in page.blocks(Purpose::Manifest) {
            let table: Table = block.text.parse().unwrap();
            let types = table["lib"]["crate-type"].as_array().unwrap();
            assert!(types.contains(&"cdylib".into()), "{}: it makes no component", block.place);
            let dependencies = table["dependencies"].as_table().unwrap();
            let sdk = dependencies["patchboard"]["path"].as_str().unwrap();
            let sdk = sdk.strip_prefix("../patchboard/").expect("the repository is cloned beside it");
            let manifest: Table =
                fs::read_to_string(workspace().join(sdk).join("Cargo.toml")).unwrap().parse().unwrap();
            assert_eq!(manifest["package"]["name"].as_str(), Some("patchboard"));
            // Its `lib.rs` is the page's first Rust.
            let library = &page.blocks(Purpose::Rust).next().expect("a library beside its manifest").text;
            for line in library.lines() {
                let Some((name, _)) = line.strip_prefix("use ").and_then(|path| path.split_once("::")) else {
                    continue;
                };
                assert!(dependencies.contains_key(name), "{}: no dependency {name}", block.place);
            }
            cargo_takes(&block.text, library);
        }
    }
}

/// That cargo reads it, keys that it does not know included.
#[track_caller]
fn cargo_takes(manifest: &str, library: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), library).unwrap();
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(folder.path())
        .output()
        .expect("cargo can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !errors.contains("warning"), "{errors}");
}
