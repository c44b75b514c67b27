//! Handlers: components, their instances and the calls in them.
//!
//! In: components' bytes ([`Loader::load`]) and requests with their route
//! ([`Core::call`]). Here: compile, check and link (`loading`); keep instances per
//! core (`pool`); run calls in them (`instance`, `call`) within the limits.
//! Out: a response, or a [`CallError`]. The only module that names wasmtime.

mod admission;
mod bindings;
mod body_end;
mod bounds;
mod call;
mod call_stack;
mod claim;
mod code_cache;
mod compilers;
mod component;
mod content;
mod counts;
mod cpu_clock;
mod deadlines;
mod engine;
mod error;
mod gather;
pub(crate) mod grants;
mod handler;
mod health;
mod held_body;
mod imports;
mod inbox;
mod inspection;
mod instance;
mod job;
mod lift;
mod linking;
mod loading;
mod memory;
mod needs;
mod over;
mod permits;
mod places;
mod pool;
mod request_body;
mod section;
mod slices;
mod state;
mod status;
mod sum;
mod tenant;
mod ticks;
mod turn;

pub use bounds::Amount;
pub use claim::{Claim, Declared, Routes};
pub use compilers::{beside_requests, on_all_cpus};
pub use component::Kind;
pub use engine::{Engine, Outside};
pub use error::{CallError, Frame};
pub use grants::outbound::{SelfConnections, StandInConnection, StandIns};
pub use grants::routing::Urls;
pub use grants::shared::News;
pub(crate) use grants::shared::{Asked, Findings};
pub(crate) use grants::shared_grants::OpenedGrants;
pub use handler::Handler;
pub use inspection::Inspection;
pub use job::{Call, MatchedRoute};
pub use loading::{LoadError, Loader, digest};
pub use pool::{Core, FromOthers, Seat};
