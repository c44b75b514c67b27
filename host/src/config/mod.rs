//! The configuration: what was written, checked, as what runs.
//!
//! In: `patchboard.toml`, `PATCHBOARD_*` variables and flags, or a folder with
//! `handlers/` or `static/` in it. Out: a [`Config`] in which every value has its
//! type and default, or *all* problems at once. Nothing else reads settings.

mod address;
mod answer;
mod clients;
mod compress;
mod fakes;
mod file;
pub(crate) mod folder;
mod handler;
pub(crate) mod key;
mod listener;
mod mount;
pub(crate) mod reader;
mod reference;
mod route;
mod server;
mod tenant;
mod tls;
mod types;
pub(crate) mod unit;
pub(crate) mod value;

#[cfg(test)]
mod tests;

pub use crate::compression::CompressionConfig;
pub use crate::static_files::{MemoryConfig, MountConfig};
pub use address::parse_address;
pub use clients::{ClientsConfig, Rate};
pub use fakes::Fakes;
pub use file::read_handler_file;
pub use listener::ListenerConfig;
pub use reference::reference;
pub use server::{AccessLogFormat, CurrentServer, DEFAULT_LISTEN, Follow, ServerConfig};
pub use tenant::{NamePattern, TenantConfig};
pub use tls::{CertificateConfig, ClientCertificates, TlsConfig};
pub use types::{
    AnswerConfig, Config, ConfigError, HandlerConfig, Isolation, Limits, Reading, RouteConfig, Source,
};
pub use value::Value;
