//! Patchboard: a web server whose every dynamic route is a plug-in.
//!
//! The journey of a request, a module per stage:
//!
//! ```text
//! listener -> connection -> dispatch -> router -+-> static_files ----+-> response
//!  accept      guard, and    one request  match |                    |   body, headers,
//!              one hyper     never fails        +-> handlers --------+   one access-log line
//! ```
//!
//! - [`server`] accepts connections, hands each to a core, drains them at the end;
//!   its [`server::guard`] lets hyper have only requests that are framed strictly.
//! - [`tls`] is who this server is to who speaks TLS with it.
//! - [`clients`] counts what each client asks for.
//! - [`dispatch`] turns every request into a response and one access-log line.
//! - [`forwarded`] (pure) is what trusted proxies tell of a request.
//! - [`router`] (pure) finds the target of a method and path.
//! - [`static_files`] answers from a folder; [`answers`] are the host's own.
//! - [`handlers`] loads components, keeps their instances and calls them.
//! - [`data`] is the folder of what handlers keep, with its backups.
//! - [`deploy`] makes a site of the configuration and the handlers folder.
//! - [`follow`] replaces what is served when the configuration or the folder changes.
//! - [`supervisor`] tells systemd how this process fares.
//! - [`dev`] builds what is served as its sources change, and shows what is wrong with them.
//! - [`testing`] plays what `.http` files ask of all that, without a socket.
//! - [`config`] and [`cli`] are the only ones to read settings or the environment.
//!
//! ARCHITECTURE.md has the bird's-eye view and the invariants.

pub mod answers;
pub mod authority;
pub mod body;
pub mod cli;
pub mod clients;
pub mod coding;
pub mod compression;
pub mod config;
pub mod data;
pub mod deploy;
pub mod dev;
pub mod dispatch;
pub mod error;
pub mod fields;
pub mod follow;
pub mod forwarded;
pub mod handlers;
pub mod name;
pub mod negotiate;
pub mod printable;
pub mod problem;
pub mod readiness;
pub mod router;
pub mod server;
pub mod site;
pub mod static_files;
pub mod supervisor;
pub mod telemetry;
pub mod testing;
pub mod tls;
pub mod upload;
mod writable;
