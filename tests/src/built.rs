//! What has to be built before the tests can run, and where it is.

use std::fs;
use std::path::{Path, PathBuf};

const REMEDY: &str = "build it with `cargo xtask test`, which runs the tests too";

/// The folder of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

#[track_caller]
fn existing(path: PathBuf, what: &str) -> PathBuf {
    assert!(path.is_file(), "there is no {what} at {}; {REMEDY}", path.display());
    path
}

/// The server binary. Test programs lie in a folder of their own beside it, others with it.
#[track_caller]
pub fn server_binary() -> PathBuf {
    let this = std::env::current_exe().expect("a program knows its own path");
    let folder = this.parent().expect("a program lies in a folder");
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    existing(folder.join("patchboard"), "server binary")
}

/// Compiled code, shared by all servers of the tests.
pub fn code_cache() -> PathBuf {
    workspace().join("target/tmp/code-cache")
}

/// The component of a demo handler: `hello`, `demo1`, …
#[track_caller]
pub fn demo_handler(name: &str) -> PathBuf {
    existing(workspace().join(format!("target/handlers/{name}.wasm")), "demo handler")
}

/// The demo handler `hello` with another answer, of the same length: another version of it.
///
/// # Panics
///
/// If the length is another.
#[track_caller]
pub fn hello_that_says(answer: &str) -> Vec<u8> {
    let (old, new) = (b"Hello, world", answer.as_bytes());
    assert_eq!(old.len(), new.len());
    let mut bytes = fs::read(demo_handler("hello")).expect("the component can be read");
    let places: Vec<_> =
        bytes.windows(old.len()).enumerate().filter(|(_, w)| w == old).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the text is in the component");
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
    bytes
}

/// The component of a guest of the tests, or of a demo handler's `wasi:http` variant.
#[track_caller]
pub fn test_guest(name: &str) -> PathBuf {
    existing(workspace().join(format!("target/test-guests/{name}.wasm")), "test guest")
}

/// The demo's configuration.
#[track_caller]
pub(crate) fn demo_config() -> PathBuf {
    demo_handler("hello");
    existing(workspace().join("patchboard.toml"), "demo configuration")
}

/// The names of all guests that the tests bring.
pub fn test_guests_in_workspace() -> Vec<String> {
    let folders = fs::read_dir(workspace().join("tests/guests")).expect("tests/guests is there");
    let mut names: Vec<_> = folders
        .map(|folder| folder.expect("tests/guests can be read").path())
        .filter(|folder| folder.join("Cargo.toml").is_file())
        .map(|folder| folder.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
