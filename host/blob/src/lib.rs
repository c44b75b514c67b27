//! Blob folders: objects by name, each a file beneath a folder.
//!
//! In: names, bytes as they come, and where a folder is ([`FolderConfig`]). Out: what was
//! asked for, or an [`Error`] that may be shown to who asked. [`Folders`] has what is
//! open; a [`Folder`] holds every operation to its limits; a [`Put`] takes an object in and
//! an [`Object`] gives one out, chunk by chunk. Files are touched on tokio's blocking
//! threads alone. Knows nothing of WebAssembly.

mod error;
mod folder;
mod folders;
mod job;
mod list;
mod metadata;
mod name;
mod object;
mod place;
mod put;
mod root;
mod usage;
mod way;
mod writing;

pub use error::Error;
pub use folder::Folder;
pub use folders::Folders;
pub use list::Page;
pub use metadata::Metadata;
pub use name::ObjectName;
pub use object::{Object, Range};
pub use place::FolderConfig;
pub use put::Put;
pub use usage::Limits;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
