//! A page of the documentation: its fenced blocks, headings and links.
//!
//! What a block is for is said by its fence, and a fence that says nothing known is
//! refused, so that a new block cannot slip past the tests.

use std::fs;
use std::path::{Path, PathBuf};

use patchboard_tests::workspace;

/// Languages of blocks that nothing here can run.
const NOT_RUN: [&str; 8] = ["dockerfile", "haproxy", "http", "ini", "nginx", "python", "sh", "yaml"];

/// A page.
pub(super) struct Page {
    /// Its path in the repository.
    pub(super) path: PathBuf,
    /// Its fenced blocks.
    pub(super) blocks: Vec<Block>,
    /// What its headings are linked to by.
    pub(super) anchors: Vec<String>,
    /// What it links to, with the line.
    pub(super) links: Vec<(usize, String)>,
}

/// A fenced block.
pub(super) struct Block {
    /// Where it is, `README.md:12`.
    pub(super) place: String,
    /// What is to be done with it.
    pub(super) purpose: Purpose,
    /// Its lines.
    pub(super) text: String,
}

/// What a block is, and so what is tested of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// ```` ```rust ````: compiled and run as a documentation test of the SDK; with
    /// `standalone_crate` as a program of its own, since a component has such a thing once.
    Rust,
    /// ```` ```toml ````: a configuration.
    Configuration,
    /// ```` ```toml ```` with `[package]`: the `Cargo.toml` of a handler.
    Manifest,
    /// ```` ```toml NAME.toml ````: what lies beside a component.
    Beside,
    /// ```` ```sh ````: lines to type.
    Shell,
    /// ```` ```sh session ````: lines to type one after the other, in one folder.
    Session,
    /// ```` ```http ````: tests that the handler of the page's session passes.
    Requests,
    /// ```` ```json ````.
    Json,
    /// ```` ```text ````: what some program writes.
    Output,
    /// ```` ```LANGUAGE no-run (REASON) ````.
    NotRun,
}

/// All pages of the repository, and their blocks' purposes.
///
/// # Errors
///
/// Every fence that is not known.
pub(super) fn pages() -> Result<Vec<Page>, String> {
    let mut paths = Vec::new();
    find(workspace(), &mut paths);
    paths.sort();
    let mut unknown = Vec::new();
    let pages: Vec<_> = paths.into_iter().map(|path| Page::read(path, &mut unknown)).collect();
    if unknown.is_empty() { Ok(pages) } else { Err(unknown.join("\n")) }
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let entry = entry.expect("the folder can be read");
        let path = entry.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // No link, so that what it leads to is read once.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            // What is built, and what is others'.
            if !name.starts_with('.') && !["target", "deps"].contains(&&*name) {
                find(&path, found);
            }
        } else if name.ends_with(".md") {
            found.push(path.strip_prefix(workspace()).expect("it lies in the workspace").to_owned());
        }
    }
}

impl Page {
    fn read(path: PathBuf, unknown: &mut Vec<String>) -> Self {
        let text = fs::read_to_string(workspace().join(&path)).expect("the page can be read");
        let mut page = Self { path, blocks: Vec::new(), anchors: Vec::new(), links: Vec::new() };
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let place = format!("{}:{}", page.path.display(), number + 1);
            if let Some(info) = line.trim_start().strip_prefix("```") {
                let body: Vec<_> = lines
                    .by_ref()
                    .take_while(|(_, line)| line.trim_start() != "```")
                    .map(|(_, line)| line)
                    .collect();
                let text = body.join("\n");
                match purpose(info, &text) {
                    Some(purpose) => page.blocks.push(Block { place, purpose, text }),
                    None => unknown.push(format!("{place}: `{info}` is no fence that docs/page.rs knows")),
                }
            } else {
                if line.starts_with('#') {
                    page.add_anchor(line.trim_start_matches('#'));
                }
                page.links.extend(links(line).into_iter().map(|link| (number + 1, link)));
            }
        }
        page
    }

    fn add_anchor(&mut self, heading: &str) {
        let anchor = anchor(heading);
        let twins = self.anchors.iter().filter(|known| **known == anchor).count();
        self.anchors.push(if twins == 0 { anchor } else { format!("{anchor}-{twins}") });
    }

    /// Its blocks of one purpose.
    pub(super) fn blocks(&self, purpose: Purpose) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(move |block| block.purpose == purpose)
    }
}

fn purpose(info: &str, text: &str) -> Option<Purpose> {
    let (language, rest) = info.split_once(' ').unwrap_or((info, ""));
    match (language, rest) {
        ("rust", "" | "standalone_crate") => Some(Purpose::Rust),
        ("toml", "") if text.contains("[package]") => Some(Purpose::Manifest),
        ("toml", "") => Some(Purpose::Configuration),
        ("toml", "NAME.toml") => Some(Purpose::Beside),
        ("sh", "") => Some(Purpose::Shell),
        ("sh", "session") => Some(Purpose::Session),
        ("http", "") => Some(Purpose::Requests),
        ("json", "") => Some(Purpose::Json),
        ("text", "") => Some(Purpose::Output),
        _ if NOT_RUN.contains(&language) => {
            let reason = rest.strip_prefix("no-run (")?.strip_suffix(')')?;
            (!reason.is_empty()).then_some(Purpose::NotRun)
        }
        _ => None,
    }
}

/// How GitHub calls a heading in a link.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.trim().to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The targets of a line's links and pictures, outside of code.
fn links(line: &str) -> Vec<String> {
    let prose: String = line.split('`').step_by(2).collect();
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).collect()
}

#[test]
fn fences() {
    for (info, text, expected) in [
        ("rust", "", Some(Purpose::Rust)),
        ("rust standalone_crate", "", Some(Purpose::Rust)),
        ("toml", "[server]", Some(Purpose::Configuration)),
        ("toml", "[package]", Some(Purpose::Manifest)),
        ("toml NAME.toml", "", Some(Purpose::Beside)),
        ("sh", "", Some(Purpose::Shell)),
        ("sh session", "", Some(Purpose::Session)),
        ("sh no-run (it takes an hour)", "", Some(Purpose::NotRun)),
        ("sh no-run", "", None),
        ("sh no-run ()", "", None),
        ("rust no-run (why)", "", None),
        ("toml no-run (why)", "", None),
        ("rust,ignore", "", None),
        ("yaml", "", None),
        ("", "", None),
    ] {
        assert_eq!(purpose(info, text), expected, "{info}");
    }
}

#[test]
fn anchors_and_links() {
    for (heading, expected) in [
        (" A handler", "a-handler"),
        (" One host, under systemd", "one-host-under-systemd"),
        (" `[server]` and CPU.", "server-and-cpu"),
    ] {
        assert_eq!(anchor(heading), expected);
    }
    assert_eq!(
        links("see [a](b.md#c), ![p](q.svg) and `[not](this)`; [`x`](y)"),
        ["b.md#c", "q.svg", "y"].map(str::to_owned)
    );
}
