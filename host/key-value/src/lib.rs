//! Key-value buckets: one set of operations, over what keeps the values.
//!
//! In: keys, values, and where a bucket is kept ([`BucketConfig`]). Out: what was asked
//! for, or an [`Error`] that may be shown to who asked. [`Stores`] has what is open, a
//! [`Bucket`] holds every operation to its limits, and a [`Backend`] does it: in memory
//! ([`Memory`]), in an embedded file ([`File`]), or in [`Redis`]. Knows nothing of
//! WebAssembly.

mod backend;
mod bucket;
mod error;
mod file;
mod limits;
mod memory;
mod redis;
mod stores;

pub use backend::{Backend, Change, Keys, Space, Swap};
pub use bucket::Bucket;
pub use error::{Error, Unusable};
pub use file::File;
pub use limits::Limits;
pub use memory::Memory;
pub use redis::{Redis, RedisConfig, RedisUrl};
pub use stores::{BackendConfig, BucketConfig, FILE, Stores, copy_file};
