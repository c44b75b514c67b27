//! The README and what is in `docs/`, held to what they say: configurations are loaded,
//! lines of shell are run, links lead somewhere. The Rust is compiled with the SDK's
//! documentation.

mod configuration;
mod page;

use std::fs;
use std::path::Path;

use page::{Page, Purpose, pages};
use patchboard_tests::{Server, Shell, demo_handler, workspace};

/// All pages.
///
/// # Panics
///
/// With every fence that is not known.
#[track_caller]
fn all() -> Vec<Page> {
    pages().unwrap_or_else(|unknown| panic!("{unknown}"))
}

/// The lines of a page's session, in their order.
///
/// # Panics
///
/// If there is no such page, or no line.
#[track_caller]
pub(crate) fn session(path: &str) -> Vec<String> {
    let pages = all();
    let page = pages.iter().find(|page| page.path == Path::new(path)).expect("the page is there");
    let lines: Vec<_> =
        page.blocks(Purpose::Session).flat_map(|block| block.text.lines().map(str::to_owned)).collect();
    assert!(!lines.is_empty());
    lines
}

/// The tests of a page that has a session, each as a file.
#[track_caller]
pub(crate) fn requests(path: &str) -> Vec<String> {
    let pages = all();
    let page = pages.iter().find(|page| page.path == Path::new(path)).expect("the page is there");
    page.blocks(Purpose::Requests).map(|block| format!("{}\n", block.text)).collect()
}

#[test]
fn sessions_are_those_that_are_run() {
    let has_session = |page: &&Page| page.blocks(Purpose::Session).next().is_some();
    let pages: Vec<_> = all().iter().filter(has_session).map(|page| page.path.clone()).collect();
    let run = [Path::new("docs/first-handler.md"), Path::new("docs/testing.md")];
    assert_eq!(pages, run, "`authors` runs no other");
}

#[track_caller]
fn none(failures: &[String]) {
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn links_lead_to_files_and_headings() {
    let pages = all();
    let mut failures = Vec::new();
    for page in &pages {
        let folder = workspace().join(&page.path).parent().unwrap().to_owned();
        for (line, link) in page.links.iter().filter(|(_, link)| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { workspace().join(&page.path) } else { folder.join(file) };
            let found = target.canonicalize().ok().filter(|target| target.starts_with(workspace()));
            let has_anchor = |to: &Page| {
                Some(workspace().join(&to.path)) == found && to.anchors.iter().any(|known| known == anchor)
            };
            if found.is_none() || !anchor.is_empty() && !pages.iter().any(has_anchor) {
                failures.push(format!("{}:{line}: nothing is at {link}", page.path.display()));
            }
        }
    }
    none(&failures);
}

#[test]
fn rust_is_compiled() {
    let library = |folder: &Path| fs::read_to_string(folder.join("src/lib.rs")).unwrap_or_default();
    let sdk = library(&workspace().join("guest-handlers/sdk"));
    let mut failures = Vec::new();
    for page in all() {
        let has_rust = page.blocks(Purpose::Rust).next().is_some();
        let by_sdk = sdk.contains(&format!("include_str!(\"../../../{}\")", page.path.display()));
        let own = library(workspace().join(&page.path).parent().unwrap());
        let is_compiled = by_sdk || own.contains("include_str!(\"../README.md\")");
        if has_rust != is_compiled {
            failures.push(format!(
                "{}: it has Rust, or a library that includes it, but not both",
                page.path.display()
            ));
        }
    }
    none(&failures);
}

#[test]
fn json_is_json() {
    for block in all().iter().flat_map(|page| page.blocks(Purpose::Json)) {
        for line in block.text.lines() {
            if let Err(error) = serde_json::from_str::<serde_json::Value>(line) {
                panic!("{}: {error}: {line}", block.place);
            }
        }
    }
}

#[test]
fn lines_of_shell_do_what_they_say() {
    let server = Server::builder().demo_site().start();
    let shell = Shell::new()
        .file("README.md", fs::read(workspace().join("README.md")).unwrap())
        .file("orders.wasm", fs::read(demo_handler("hello")).unwrap())
        .file("photo.jpg", vec![0xAB; 100_000]);
    let mut failures = Vec::new();
    for page in all() {
        for block in page.blocks(Purpose::Shell) {
            for line in block.text.lines().filter(|line| !line.trim().is_empty()) {
                let (command, comment) = line.split_once(" #").unwrap_or((line, ""));
                let command = here(command.trim(), &server);
                if let Err(failure) = run(&shell, &command, comment.trim()) {
                    failures.push(format!("{}: {command}\n{failure}", block.place));
                }
            }
        }
    }
    none(&failures);
}

/// The line for a server that has another port, and no longer than is needed to see that
/// it is right.
fn here(line: &str, server: &Server) -> String {
    let port = format!(":{}", server.address().port());
    let line = line.replace(":8080", &port).replace(":8081", &port);
    match () {
        () if !line.starts_with("patchboard load ") || line.contains(" compare ") => line,
        () if line.contains("--duration 30s") => line.replace("--duration 30s", "--duration 300ms"),
        () if line.contains("--rounds") => line + " --pause 10ms",
        () if line.contains("--vs") => line + " --duration 800ms --step 100ms",
        () => line + " --duration 300ms",
    }
}

/// Runs a line. The comment after a `curl` is the answer, unless it is in parentheses.
fn run(shell: &Shell, line: &str, comment: &str) -> Result<(), String> {
    let words: Vec<_> = line.split_whitespace().collect();
    match words[..] {
        ["patchboard", "serve", ..] => {
            shell.run_until(line, "listening on http://");
            return Ok(());
        }
        ["curl", "-N", ..] => {
            shell.run_until(&format!("{line} --silent --show-error"), "data:");
            return Ok(());
        }
        ["curl" | "patchboard", ..] => {}
        _ => return Err("is run by nobody; mark its block with `no-run` and the reason".to_owned()),
    }
    let curl = words[0] == "curl";
    let exited =
        shell.run(&if curl { format!("{line} --silent --show-error --fail") } else { line.to_owned() });
    if exited.code != Some(0) {
        return Err(format!("exit code {:?}: {}{}", exited.code, exited.output, exited.log));
    }
    let answers = curl && !comment.is_empty() && !comment.starts_with('(');
    if answers && exited.output != comment {
        return Err(format!("the answer is {:?}", exited.output));
    }
    Ok(())
}
