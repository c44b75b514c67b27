//! Key-value buckets: what a handler was granted of them.

pub(super) mod host;

use std::sync::Arc;

use patchboard_key_value::{Bucket, Stores};
use tokio::sync::Semaphore;

use crate::config::HandlerConfig;

/// What a handler was granted, by name.
pub(in crate::handlers) type Granted = Arc<[(String, Arc<Bucket>)]>;

/// The buckets that `config` grants to `handler`.
pub(in crate::handlers) fn grant(stores: &Stores, handler: &str, config: &HandlerConfig) -> Granted {
    let permits = Arc::new(Semaphore::new(config.limits.key_value_calls as usize));
    let bucket = |bucket| Arc::new(stores.bucket(handler, bucket, &permits));
    config.key_value.iter().map(|config| (config.name.clone(), bucket(config))).collect()
}
