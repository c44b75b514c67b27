//! Holds how the code stands: no file imports another in a circle, the floors of
//! `handlers/` are as ARCHITECTURE.md has them, and its invariants hold. What is
//! wrong is said with the line that is to blame, all at once.
//!
//! With `HOUSE_ARROWS=PREFIX`, `cargo test -p patchboard-house arrows -- --nocapture` prints
//! every arrow between two files whose paths begin so, those against the floors with a `!`.

mod circles;
mod floors;
mod invariants;
mod known;
#[cfg(test)]
mod tests;
mod text;
mod tree;

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use floors::Floors;
use tree::{Arrow, Sources, Tree};

/// All the sources of the workspace, and its manifests.
#[derive(Default)]
struct House {
    sources: Sources,
    manifests: Sources,
    trees: Vec<Tree>,
    document: String,
}

impl House {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut house = Self::default();
        house.folder(&root, "").unwrap_or_else(|error| panic!("cannot read {}: {error}", root.display()));
        house.trees = roots(&house.sources, &house.manifests)
            .into_iter()
            .map(|root| Tree::read(&house.sources, root).unwrap_or_else(|wrong| panic!("{wrong}")))
            .collect();
        house
    }

    fn folder(&mut self, root: &Path, folder: &str) -> io::Result<()> {
        for entry in fs::read_dir(root.join(folder))? {
            let entry = entry?;
            let name = format!("{folder}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    self.folder(root, &format!("{name}/"))?;
                }
            } else if name.ends_with(".rs") {
                self.sources.insert(name, fs::read_to_string(entry.path())?);
            } else if name == "Cargo.toml" || name.ends_with("/Cargo.toml") {
                self.manifests.insert(name, fs::read_to_string(entry.path())?);
            } else if name == "ARCHITECTURE.md" {
                self.document = fs::read_to_string(entry.path())?;
            }
        }
        Ok(())
    }
}

/// The files that cargo takes as the root of a library, a program, or a test program.
fn roots<'a>(sources: &'a Sources, manifests: &Sources) -> Vec<&'a str> {
    let packages: Vec<&str> = manifests.keys().filter_map(|file| file.strip_suffix("/Cargo.toml")).collect();
    let is_root = |file: &str| {
        let package = packages
            .iter()
            .filter(|package| file.starts_with(&format!("{package}/")))
            .max_by_key(|package| package.len());
        let Some(rest) = package.and_then(|package| file.strip_prefix(&format!("{package}/"))) else {
            return false;
        };
        let parts: Vec<&str> = rest.split('/').collect();
        match parts.as_slice() {
            ["build.rs"] | ["src", "lib.rs" | "main.rs" | "libfuzzer.rs"] | ["src", "bin", _] => true,
            ["tests" | "benches" | "examples", file] => file.ends_with(".rs"),
            ["tests" | "benches" | "examples", _, "main.rs"] => true,
            _ => false,
        }
    };
    sources.keys().map(String::as_str).filter(|file| is_root(file)).collect()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let house = House::read();
    let mut wrong = Vec::new();
    let mut excused = known::Used::default();
    for tree in &house.trees {
        let arrows: Vec<Arrow> =
            tree.arrows().into_iter().filter(|arrow| !excused.excuses(known::CIRCLES, arrow)).collect();
        wrong.extend(circles::circles(&arrows));
    }
    wrong.extend(excused.unneeded(known::CIRCLES));
    assert_none("circles", wrong);
}

#[test]
fn the_floors_of_the_handlers_hold() {
    let house = House::read();
    let floors = Floors::read(&house.document).unwrap_or_else(|wrong| panic!("{wrong}"));
    let files: BTreeSet<&str> = house.trees.iter().flat_map(Tree::files).collect();
    let mut wrong = floors.misplaced(&files);
    let mut excused = known::Used::default();
    for arrow in house.trees.iter().flat_map(Tree::arrows) {
        wrong.extend(floors.wrong(&arrow).filter(|_| !excused.excuses(known::FLOORS, &arrow)));
    }
    wrong.extend(excused.unneeded(known::FLOORS));
    assert_none("wrong arrows", wrong);
}

#[test]
fn the_invariants_of_the_architecture_hold() {
    let house = House::read();
    let mentions: Vec<_> = house.trees.iter().flat_map(Tree::mentions).collect();
    let mut wrong = invariants::named(&mentions);
    wrong.extend(invariants::stale(&house.trees.iter().flat_map(Tree::files).collect()));
    wrong.extend(invariants::packages(&house.manifests));
    wrong.extend(invariants::lints(&house.manifests));
    assert_none("broken invariants", wrong);
}

/// Not a check: the arrows, for who moves files.
#[test]
fn arrows_can_be_printed() {
    let Ok(prefix) = std::env::var("HOUSE_ARROWS") else { return };
    let house = House::read();
    let floors = Floors::read(&house.document).unwrap_or_else(|wrong| panic!("{wrong}"));
    for arrow in house
        .trees
        .iter()
        .flat_map(Tree::arrows)
        .filter(|arrow| arrow.from.starts_with(&prefix) && arrow.to.starts_with(&prefix))
    {
        println!(
            "{}:{} -> {} ({}){}",
            arrow.from,
            arrow.line,
            arrow.to,
            arrow.path,
            floors.wrong(&arrow).map_or("", |_| " !")
        );
    }
}

fn assert_none(what: &str, wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{} {what}:\n{}\n", wrong.len(), wrong.join("\n"));
}
