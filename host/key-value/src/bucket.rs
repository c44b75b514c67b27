//! A bucket as a guest has it: every operation within its limits and its time.
//!
//! An operation waits for a permit of its owner's, then for the back end, no longer than
//! the bucket's time-out in all. Who goes away while it waits gives the permit back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::{Backend, Change, Error, Keys, Limits, Space, Swap};

/// A bucket.
#[derive(Debug)]
pub struct Bucket {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) space: Space,
    pub(crate) limits: Limits,
    pub(crate) timeout: Duration,
    /// One for each operation at once.
    pub(crate) permits: Arc<Semaphore>,
}

impl Bucket {
    /// The value of `key`.
    ///
    /// # Errors
    ///
    /// If the key is too long, or the back end fails.
    pub async fn get(&self, key: String) -> Result<Option<Bytes>, Error> {
        Ok(self.get_many(vec![key]).await?.pop().flatten())
    }

    /// The values of `keys`, in their order.
    ///
    /// # Errors
    ///
    /// If the keys are too many or too long, the values too large together, or the back
    /// end fails.
    pub async fn get_many(&self, keys: Vec<String>) -> Result<Vec<Option<Bytes>>, Error> {
        self.limits.batch(&keys)?;
        self.within(self.backend.get(&self.space, keys, self.limits.batch_bytes)).await
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    ///
    /// If the key is too long, or the back end fails.
    pub async fn exists(&self, key: String) -> Result<bool, Error> {
        self.limits.key(&key)?;
        self.within(self.backend.exists(&self.space, key)).await
    }

    /// A page of keys: those after the key `after`.
    ///
    /// # Errors
    ///
    /// If `after` is no key that a page has ended with, or the back end fails.
    pub async fn keys(&self, after: Option<String>) -> Result<Keys, Error> {
        if let Some(after) = &after {
            self.limits.key(after)?;
        }
        self.within(self.backend.keys(&self.space, after, self.limits.page_keys as usize)).await
    }

    /// Sets the value of `key`.
    ///
    /// # Errors
    ///
    /// If the key or the value is too long, or the back end fails.
    pub async fn set(&self, key: String, value: Bytes) -> Result<(), Error> {
        self.change(vec![(key, Some(value))]).await
    }

    /// Leaves `key` without a value.
    ///
    /// # Errors
    ///
    /// If the key is too long, or the back end fails.
    pub async fn delete(&self, key: String) -> Result<(), Error> {
        self.change(vec![(key, None)]).await
    }

    /// Makes all `changes`, or none of them.
    ///
    /// # Errors
    ///
    /// If they are too many or too large, or the back end fails.
    pub async fn change(&self, changes: Vec<Change>) -> Result<(), Error> {
        self.limits.changes(&changes)?;
        if changes.is_empty() {
            return Ok(());
        }
        self.within(self.backend.change(&self.space, changes, self.limits.bucket_bytes)).await
    }

    /// Adds `delta` to the number that `key` has, 0 where it has none; gives the sum.
    ///
    /// # Errors
    ///
    /// If the value is no number, the sum does not fit, or the back end fails.
    pub async fn increment(&self, key: String, delta: i64) -> Result<i64, Error> {
        self.limits.key(&key)?;
        self.within(self.backend.increment(&self.space, key, delta, self.limits.bucket_bytes)).await
    }

    /// Sets the value of `key` if it is `expected` at that moment.
    ///
    /// # Errors
    ///
    /// If the key or the value is too long, or the back end fails.
    pub async fn swap(&self, key: String, expected: Option<Bytes>, value: Bytes) -> Result<Swap, Error> {
        self.limits.key(&key)?;
        self.limits.value(&value)?;
        self.within(self.backend.swap(&self.space, key, expected, value, self.limits.bucket_bytes)).await
    }

    async fn within<T>(&self, operation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let deadline = Instant::now() + self.timeout;
        let Ok(permit) = timeout_at(deadline, self.permits.acquire()).await else {
            return Err(Error::other(
                "too many operations of this handler are under way (limits.key_value_calls)",
            ));
        };
        let outcome = timeout_at(deadline, operation).await;
        drop(permit);
        outcome.unwrap_or_else(|_| {
            Err(Error::other(format!("the store has not answered within {:?} (timeout)", self.timeout)))
        })
    }
}
