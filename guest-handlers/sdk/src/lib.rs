//! Handlers for Patchboard, a web server whose routes are plug-ins, written
//! like [axum]'s.
//!
//! A handler is a function with a route attribute. Its arguments are axum's
//! extractors, its answer is anything that axum can turn into a response:
//!
//! ```
//! use patchboard::extract::{Form, Path};
//! use patchboard::response::IntoResponse;
//! use patchboard::{get, post};
//! # use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Note {
//!     text: String,
//! }
//!
//! #[get("/")]
//! async fn hello() -> &'static str {
//!     "Hello, world"
//! }
//!
//! #[post("/notes/{name}")]
//! async fn add(Path(name): Path<String>, Form(note): Form<Note>) -> impl IntoResponse {
//!     format!("{name}: {}", note.text)
//! }
//! ```
//!
//! That is a whole `lib.rs`. Built as a `cdylib` for `wasm32-wasip2`, it is a
//! component to drop into a server's `handlers/` folder: nothing has to be listed
//! or exported by hand. The attributes put the routes into the component's
//! `patchboard:routes` section, where the host finds them, and into a table from
//! which this crate, which exports the component's entry point, picks the
//! function to call.
//!
//! # What a handler may do
//!
//! - It starts when the head of the request has arrived. What needs the body is
//!   extracted last, or by hand: `request.extract::<Form<Note>, _>().await`, with
//!   [`RequestExt`], lets code run before.
//! - It may await [`time`], the [`client`], [`key_value`], [`blob`], and bodies. Calls of one instance run
//!   as coroutines on one thread: while one waits, the others go on. So **never
//!   call `std::thread::sleep`**, nor anything else that blocks: it stops every
//!   call of the instance. Use [`time::sleep`].
//! - It need not be [`Send`], and may be a plain `fn`.
//! - Where nobody waits for it any more, since its client has left or its time is over, it
//!   is dropped where it waits, and its destructors run. What has to be done all the same
//!   is a task, [`spawn`].
//! - It can ask for [`Route`], [`RequestId`], [`ClientAddress`] and [`Tls`] like for any other extractor, and
//!   links to its pages and files with [`url_for`] and [`static_url`].
//! - What all handlers of the component have in common (log-in, fields of all responses, shared
//!   values) is in one place, a function with the attribute [`wrap`]; see [`middleware`].
//! - What it has to say it says with [`tracing`]'s macros: each event is a line of the
//!   host's log, with handler, route and request id. `println!` and `eprintln!` are
//!   lines there as well, but slower, and do not always know their request.
//! - A panic ends the call with status 500, and the instance with it; its message and place are
//!   a line of the log, as an error.
//!
//! Bodies have no limit here, unlike in a plain axum server: the host enforces
//! the one that the operator has set.
//!
//! # The two worlds
//!
//! By default a component is made for Patchboard's own world,
//! `patchboard:handler/service`. With the feature `wasi-http` the same source
//! makes a component for the standard `wasi:http/service@0.3`, which runs on any
//! host of that world and matches its routes by itself.
//!
//! # Memory
//!
//! The crate sets a global allocator that is fast with small blocks, by the feature `allocator`.
//! A component with an allocator of its own takes this crate with `default-features = false`.
//!
//! # Testing
//!
//! Handlers are ordinary functions. [`testing::call`] runs a whole request through
//! the routes of the crate, on the machine it is developed on, without a host.

// The macros name this crate `patchboard`, also where it uses them itself.
extern crate self as patchboard;

#[cfg(any(test, all(feature = "allocator", target_family = "wasm", not(target_feature = "atomics"))))]
mod allocator;
pub mod blob;
mod call;
pub mod client;
pub mod config;
#[cfg(feature = "cookies")]
pub mod cookies;
pub mod key_value;
mod log;
pub mod middleware;
mod registry;
mod same_origin;
mod service;
pub mod sql;
pub mod sse;
mod task;
#[cfg(feature = "templates")]
pub mod templates;
pub mod testing;
pub mod time;
mod tls;
mod url;
mod wants;

pub use call::{ClientAddress, RequestId, Route};
pub use patchboard_macros::{any, delete, get, head, options, patch, post, put, route, wrap};
pub use same_origin::SameOrigin;
pub use task::{Outcome, SpawnError, draining, spawn};
pub use tls::{ClientCertificate, Tls};
pub use url::{UrlError, UrlFor, static_url, url_for};

pub use axum::body::{Body, Bytes};
pub use axum::extract::{Form, Json, Multipart, Path, Query, Request};
pub use axum::{RequestExt, RequestPartsExt, extract, response};
pub use futures_util::{future, stream};
pub use http::{self, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
pub use tracing;

/// The Rust of the documentation, which is compiled and run with this crate's own.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../README.md")]
    struct Sdk;
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/handlers.md")]
    struct Handlers;
    #[doc = include_str!("../../../docs/blob.md")]
    struct Blob;
}

/// What the attributes expand to. Not for use by hand, and not stable.
#[doc(hidden)]
pub mod __private {
    pub use crate::call::reject;
    pub use crate::middleware::WrapEntry;
    pub use crate::registry::{HandlerFuture, RouteEntry, record, record_len, route_id};
    pub use crate::wants::{Argument, Known, Unknown, Wants};
    pub use inventory;
}
