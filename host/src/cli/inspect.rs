//! `patchboard inspect`: what is in a component, what it needs, and whether it would be loaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::Source;
use crate::deploy;
use crate::handlers::Inspection;
use crate::printable::printable;

/// Grants that every handler has.
const GIVEN: [&str; 3] = ["call", "logging", "routing"];

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// A component
    file: PathBuf,
    /// The configuration it is judged by [default: patchboard.toml, where there is one]
    #[arg(long, value_name = "FILE", env = "PATCHBOARD_CONFIG")]
    config: Option<PathBuf>,
}

impl Inspect {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let file = &self.file;
        let bytes = deploy::read_component(file).map_err(anyhow::Error::msg)?;
        let found =
            Inspection::of(&bytes).map_err(|problem| anyhow::anyhow!("{} {problem}", file.display()))?;
        println!("{}: {}", file.display(), kilobytes(bytes.len() as u64));
        match &found.kind {
            Ok(kind) => line("speaks", &kind.to_string()),
            Err(problem) => line("speaks", problem),
        }
        let made_by: Vec<_> = found
            .producers
            .iter()
            .map(|(name, version)| format!("{name} {version}").trim().to_owned())
            .collect();
        line("made by", &if made_by.is_empty() { "not said".to_owned() } else { made_by.join(", ") });
        match &found.routes {
            Ok(routes) if routes.is_empty() => {
                line("routes", "none of its own: those that the configuration gives it")
            }
            Ok(routes) => rows("routes", routes.iter().map(|(route, name)| [route.as_str(), name])),
            Err(problem) => line("routes", problem),
        }
        if let Some(name) = &found.wraps {
            line("wrapped by", &format!("{name}, all of them"));
        }
        self.imports(&found);
        line(
            "code",
            &format!(
                "{} in {} functions and types, {} of data",
                kilobytes(found.amount.code),
                found.amount.functions,
                kilobytes(found.data_bytes)
            ),
        );
        line("memory", &format!("{} for an instance to begin with", kilobytes(found.memory_bytes)));
        line("check", &self.check());
        Ok(())
    }

    /// What is imported: by itself where it says what the component works on, by its version
    /// where toolchains import it for everything.
    fn imports(&self, found: &Inspection) {
        let granted: Vec<_> =
            found.imports.iter().filter_map(|(import, grant)| Some((import, (*grant)?))).collect();
        let rest = granted.iter().filter(|(_, grant)| !GIVEN.contains(grant));
        rows("imports", rest.map(|(import, grant)| [import.as_str(), *grant]));
        let given = granted.iter().filter(|(_, grant)| GIVEN.contains(grant));
        rows("", given.map(|(import, _)| [import.as_str(), "(needs no grant)"]));
        let mut versions = BTreeMap::<_, Vec<_>>::new();
        for (import, grant) in &found.imports {
            if let (None, Some((package, rest))) = (grant, import.split_once('/')) {
                let version = rest.split_once('@').map_or("", |(_, version)| version);
                let packages = versions.entry(version).or_default();
                if !packages.contains(&package) {
                    packages.push(package);
                }
            }
        }
        rows(
            "",
            versions
                .iter()
                .map(|(version, packages)| [packages.join(", "), format!("{version} (needs no grant)")]),
        );
    }

    fn check(&self) -> String {
        let folder = self.file.parent().unwrap_or(Path::new("")).to_owned();
        // Whatever is beside it is not judged.
        let source = Source { file: self.config.clone(), handlers_dir: Some(folder), ..Source::default() };
        match deploy::component(&source, &self.file) {
            Ok(handler) => format!(
                "it would be loaded as the handler {}, with isolation {}",
                handler.name(),
                handler.isolation()
            ),
            Err(error) => format!("{error:#}"),
        }
    }
}

fn line(what: &str, is: &str) {
    let mut lines = is.lines();
    println!("{what:8} {}", printable(lines.next().unwrap_or_default()));
    lines.for_each(|more| println!("{:8} {}", "", printable(more)));
}

/// Lines of two columns, of which the first says what they are.
fn rows(what: &str, rows: impl Iterator<Item = [impl AsRef<str>; 2]>) {
    let rows: Vec<_> = rows.map(|row| row.map(|cell| printable(cell.as_ref()).into_owned())).collect();
    let width = rows.iter().map(|[first, _]| first.chars().count()).max().unwrap_or_default();
    for (at, [first, second]) in rows.iter().enumerate() {
        println!("{:8} {first:width$}  {second}", if at == 0 { what } else { "" });
    }
}

fn kilobytes(bytes: u64) -> String {
    format!("{:.1} kB", bytes as f64 / 1e3)
}
