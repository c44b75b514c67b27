//! Another revision for `cargo xtask bench --against`: checked out to `target/against`,
//! and its server and guests built there, as users would have got them.
//!
//! It has a target folder of its own, since cargo takes two checkouts of one workspace
//! for the same, and would mistake what was built of the one for the other's. What is
//! compiled here already is copied to it, since most dependencies are the same; the
//! checkout comes after, so that all of the revision's own files are newer.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{self, say};
use crate::guests;
use crate::workspace::{Profile, Workspace};

/// What cargo keeps of a profile's dependencies.
const COMPILED: [&str; 3] = [".fingerprint", "build", "deps"];

/// Builds the server and the guests of `revision`.
pub(crate) fn build(workspace: &Workspace, revision: &str) -> Result<()> {
    let commit = format!("{revision}^{{commit}}");
    let commit = git(&workspace.root, &["rev-parse", "--verify", "--end-of-options", &commit])
        .with_context(|| format!("there is no revision {revision} here"))?;
    let (folder, commit) = (workspace.target.join("against"), commit.trim());
    if !folder.join(".git").is_file() {
        let path = folder.to_str().context("the name of the target folder is not UTF-8")?;
        let add = ["worktree", "add", "--quiet", "--force", "--no-checkout", "--detach", path, commit];
        git(&workspace.root, &add)?;
        copy_compiled(&workspace.target, &folder.join("target"))?;
    }
    // Files in which revisions do not differ keep their time, and so what is compiled of them.
    git(&folder, &["checkout", "--quiet", "--force", "--detach", commit])?;
    let other = Workspace::load_at(&folder)?;
    let what = git(&folder, &["log", "-1", "--format=%h, %s"])?;
    say(format!("building the guests of {}", what.trim()));
    guests::for_tests(&other)?;
    say("building its server with optimisations (ten minutes or more the first time)");
    other.build_server(Profile::Release).map(drop)
}

/// Copies what is compiled of a release.
fn copy_compiled(from: &Path, to: &Path) -> Result<()> {
    let (from, to) = (from.join("release"), to.join("release"));
    fs::create_dir_all(&to).with_context(|| format!("could not create {}", to.display()))?;
    for folder in COMPILED.iter().map(|name| from.join(name)).filter(|folder| folder.is_dir()) {
        // With their times, by which cargo knows them.
        command::run_aside(Command::new("cp").args(["-a", "--reflink=auto"]).arg(folder).arg(&to))?;
    }
    Ok(())
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    command::output(Command::new("git").current_dir(folder).args(arguments))
}
