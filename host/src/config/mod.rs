//! The configuration: what was written, checked, as what runs.
//!
//! In: `patchboard.toml`, `PATCHBOARD_*` variables and flags, or a folder with
//! `handlers/` or `static/` in it. Out: a [`Config`] in which every value has its
//! type and default, or *all* problems at once. Nothing else reads settings.

mod address;
mod answer;
mod compress;
mod database;
mod file;
mod handler;
mod key;
mod key_value;
mod mount;
mod origin;
mod reader;
mod reference;
mod route;
mod server;
mod types;
mod unit;
mod value;

#[cfg(test)]
mod tests;

pub use crate::compression::CompressionConfig;
pub use crate::static_files::{MemoryConfig, MountConfig};
pub use address::parse_address;
pub use file::read_handler_file;
pub use origin::{OriginPattern, SELF_HOST};
pub use reference::reference;
pub use server::{AccessLogFormat, CurrentServer, DEFAULT_LISTEN, ServerConfig};
pub use types::{
    AnswerConfig, Config, ConfigError, FolderConfig, HandlerConfig, Isolation, Limits, Reading, RouteConfig,
    Source,
};
pub use value::Value;
