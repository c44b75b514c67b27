//! Key-value buckets: what a handler was granted of them.

pub(super) mod host;
pub(crate) mod keys;
mod shared;

use std::sync::Arc;

use patchboard_key_value::{Bucket, Stores};
use tokio::sync::Semaphore;

use super::grant::{Grant, Grantee, Wanted};

/// What is awaited, and what holds its instance while it waits.
const AWAITED: &str = "patchboard:handler/key-value@";
const FUTURES: &str = "patchboard:handler/key-value-futures@";
const HOLDING: &str = "wasi:keyvalue/";

/// The buckets that a handler was granted, by name.
pub(in crate::handlers) struct Buckets(Vec<(String, Arc<Bucket>)>);

impl Grant for Buckets {
    const IMPORTS: &'static [&'static str] = &[AWAITED, FUTURES, HOLDING];
    type Shared = Stores;

    fn holds(wanted: &Wanted<'_>) -> bool {
        wanted.list_of(&[HOLDING]).is_some()
    }

    fn check(wanted: &Wanted<'_>) -> Result<(), String> {
        match wanted.list_of(Self::IMPORTS).filter(|_| wanted.config.key_value.buckets.is_empty()) {
            Some(list) => Err(wanted.not_granted(&list, "key_value = \"default\"")),
            None => Ok(()),
        }
    }

    fn check_shared(wanted: &Wanted<'_>) -> Result<(), String> {
        match wanted.list(|name| name.starts_with(HOLDING)) {
            Some(list) => Err(wanted.would_hold(&list, "patchboard:handler/key-value")),
            None => Ok(()),
        }
    }

    fn grant(to: &Grantee<'_>, shared: &Stores) -> Self {
        let permits = Arc::new(Semaphore::new(to.config.key_value.calls as usize));
        let bucket = |config| Arc::new(shared.bucket(to.handler, config, &permits));
        Self(to.config.key_value.buckets.iter().map(|config| (config.name.clone(), bucket(config))).collect())
    }
}
