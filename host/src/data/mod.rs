//! The folder `data`, where handlers' values, databases and objects are: who holds it, and its
//! backups.
//!
//! A backup is a folder of ordinary files, made while the server writes or while none runs,
//! with a list of all of them and what they come to. A restore puts them into a folder that
//! has nothing yet, all or none.

mod backup;
mod copy;
mod hold;
mod manifest;
mod restore;
mod tree;

use std::io;
use std::path::Path;

use crate::problem::Problem;

pub use backup::{Made, back_up};
pub use hold::{Hold, check};
pub use restore::{Restored, restore};

/// How the names begin of what is not kept, such as what is being written.
const RESERVED: &str = ".patchboard-";

/// That something cannot be done to a file, and what to do where that is known.
fn cannot(verb: &str, path: &Path, error: &io::Error) -> Problem {
    let problem = Problem::new("", format!("cannot {verb} {}: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => problem.remedy("make room there"),
        io::ErrorKind::PermissionDenied => problem.remedy("run this as the user of the server"),
        _ => problem,
    }
}
