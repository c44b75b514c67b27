//! The SDK, as this program carries it: the sources of its crates, which become a folder of a
//! project that is committed with it, so that whoever has the project can build it.

use std::path::Path;

use anyhow::{Context as _, Result};
use toml::Table;

use crate::folder::write;
use crate::manifest;
use crate::wit::CONTRACT;

/// The version of the program, which is the SDK's.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The manifest of the workspace that the crates are members of.
const WORKSPACE: &str = include_str!("../../../Cargo.toml");

/// What the crates may be used by.
const LICENCES: [(&str, &str); 2] = [
    ("LICENSE-APACHE", include_str!("../../../LICENSE-APACHE")),
    ("LICENSE-MIT", include_str!("../../../LICENSE-MIT")),
];

/// A crate of the SDK.
pub(crate) struct Crate {
    pub(crate) name: &'static str,
    /// Where it is in the repository.
    #[cfg_attr(not(test), expect(dead_code, reason = "the test looks there for files that are missing"))]
    folder: &'static str,
    files: &'static [(&'static str, &'static str)],
}

macro_rules! crates {
    ($($name:literal: $folder:literal => [$($file:literal,)*])*) => {
        /// The crates, with what each of their files says.
        pub(crate) const CRATES: &[Crate] = &[$(Crate {
            name: $name,
            folder: $folder,
            files: &[$(($file, include_str!(concat!("../../../", $folder, "/", $file))),)*],
        },)*];
    };
}

crates! {
    "patchboard": "guest-handlers/sdk" => [
        "Cargo.toml",
        "README.md",
        "src/allocator.rs",
        "src/blob.rs",
        "src/blob/bindings.rs",
        "src/blob/component.rs",
        "src/blob/error.rs",
        "src/blob/memory.rs",
        "src/blob/object.rs",
        "src/call.rs",
        "src/client.rs",
        "src/client/error.rs",
        "src/client/native.rs",
        "src/client/outbound.rs",
        "src/client/response.rs",
        "src/client/timeouts.rs",
        "src/client/wasi_http.rs",
        "src/config.rs",
        "src/config/bindings.rs",
        "src/cookies.rs",
        "src/key_value.rs",
        "src/key_value/bindings.rs",
        "src/key_value/bindings/generated.rs",
        "src/key_value/error.rs",
        "src/key_value/memory.rs",
        "src/key_value/swap.rs",
        "src/lib.rs",
        "src/log.rs",
        "src/middleware.rs",
        "src/middleware/endpoint.rs",
        "src/middleware/from_fn.rs",
        "src/middleware/routes.rs",
        "src/middleware/state.rs",
        "src/registry.rs",
        "src/same_origin.rs",
        "src/service.rs",
        "src/service/matching.rs",
        "src/service/own_urls.rs",
        "src/service/patchboard.rs",
        "src/service/patchboard/bindings.rs",
        "src/service/patchboard/body.rs",
        "src/service/patchboard/body/incoming.rs",
        "src/service/patchboard/body/outgoing.rs",
        "src/service/patchboard/export.rs",
        "src/service/patchboard/fields.rs",
        "src/service/patchboard/leave.rs",
        "src/service/patchboard/urls.rs",
        "src/service/path.rs",
        "src/service/run.rs",
        "src/service/standalone.rs",
        "src/service/wasi_http.rs",
        "src/sql.rs",
        "src/sql/bindings.rs",
        "src/sql/component.rs",
        "src/sql/error.rs",
        "src/sql/native.rs",
        "src/sql/row.rs",
        "src/sql/value.rs",
        "src/sse.rs",
        "src/task.rs",
        "src/task/component.rs",
        "src/task/error.rs",
        "src/task/local.rs",
        "src/templates.rs",
        "src/testing.rs",
        "src/time.rs",
        "src/time/clock.rs",
        "src/tls.rs",
        "src/url.rs",
        "src/url/error.rs",
        "src/wants.rs",
    ]
    "patchboard-macros": "guest-handlers/macros" => [
        "Cargo.toml",
        "README.md",
        "src/arguments.rs",
        "src/handler.rs",
        "src/lib.rs",
        "src/wrap.rs",
    ]
    "patchboard-pattern": "wit/pattern" => [
        "Cargo.toml",
        "README.md",
        "src/error.rs",
        "src/lib.rs",
        "src/method.rs",
        "src/param_type.rs",
        "src/pattern.rs",
        "src/rank.rs",
        "src/record.rs",
        "src/segment.rs",
        "src/url.rs",
    ]
}

impl Crate {
    /// Its manifest, as the crate stands for itself.
    ///
    /// # Errors
    ///
    /// If one of the manifests is none, which the tests would have found.
    pub(crate) fn manifest(&self) -> Result<Table> {
        let text = self.files.iter().find(|(file, _)| *file == "Cargo.toml").map_or("", |(_, text)| text);
        manifest::alone(text, WORKSPACE).with_context(|| format!("the manifest of {}", self.name))
    }
}

/// The folder of the SDK in a project.
pub(crate) fn folder() -> String {
    format!(".patchboard/sdk-{VERSION}")
}

/// Writes the SDK to `folder`.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn put(folder: &Path) -> Result<()> {
    for own in CRATES {
        let place = folder.join(own.name);
        for (file, text) in own.files {
            match *file {
                "Cargo.toml" => write(&place.join(file), &toml::to_string(&own.manifest()?)?)?,
                _ => write(&place.join(file), text)?,
            }
        }
    }
    for (file, text) in CONTRACT {
        write(&folder.join("patchboard/wit").join(file), text)?;
    }
    for (file, text) in LICENCES {
        write(&folder.join(file), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;

    fn sources(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{prefix}/{}", entry.file_name().to_str().unwrap());
            match entry.file_type().unwrap().is_dir() {
                true => sources(&entry.path(), &name, found),
                false => _ = found.insert(name),
            }
        }
    }

    #[test]
    fn every_file_is_carried() {
        for own in CRATES {
            let mut all = BTreeSet::from(["Cargo.toml", "README.md"].map(str::to_owned));
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(own.folder);
            sources(&folder.join("src"), "src", &mut all);
            assert_eq!(own.files.iter().map(|(file, _)| (*file).to_owned()).collect::<BTreeSet<_>>(), all);
        }
    }

    #[test]
    fn the_crates_stand_for_themselves() {
        for own in CRATES {
            let manifest = own.manifest().unwrap();
            let package = manifest["package"].as_table().unwrap();
            for (key, expected) in
                [("name", own.name), ("version", VERSION), ("edition", "2024"), ("readme", "README.md")]
            {
                assert_eq!(package[key].as_str(), Some(expected), "{}", own.name);
            }
            for key in ["description", "license", "repository", "documentation", "rust-version"] {
                assert!(package[key].is_str(), "{} has no {key}", own.name);
            }
            let text = toml::to_string(&manifest).unwrap();
            assert!(!text.contains("workspace = true") && !text.contains("../../"), "{text}");
        }
    }
}
