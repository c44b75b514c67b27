//! What an operation may ask for: sizes and counts, each with an error that names its key.

use bytes::Bytes;

use crate::{Change, Error};

/// What an operation may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// A key, in bytes.
    pub key_bytes: u64,
    /// A value, in bytes.
    pub value_bytes: u64,
    /// Keys of one operation.
    pub batch_keys: u32,
    /// All values of one operation, in bytes.
    pub batch_bytes: u64,
    /// Keys of a page of the list.
    pub page_keys: u32,
    /// All keys and values of a bucket in a file, in bytes.
    pub bucket_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            key_bytes: 1 << 10,
            value_bytes: 1 << 20,
            batch_keys: 1000,
            batch_bytes: 16 << 20,
            page_keys: 1000,
            bucket_bytes: 1 << 30,
        }
    }
}

impl Limits {
    pub(crate) fn key(&self, key: &str) -> Result<(), Error> {
        if key.len() as u64 <= self.key_bytes {
            return Ok(());
        }
        Err(Error::other(format!(
            "a key of {} bytes is longer than {} (key_bytes)",
            key.len(),
            self.key_bytes
        )))
    }

    pub(crate) fn value(&self, value: &Bytes) -> Result<(), Error> {
        if value.len() as u64 <= self.value_bytes {
            return Ok(());
        }
        Err(Error::other(format!(
            "a value of {} bytes is longer than {} (value_bytes)",
            value.len(),
            self.value_bytes
        )))
    }

    pub(crate) fn batch(&self, keys: &[String]) -> Result<(), Error> {
        self.count(keys.len())?;
        keys.iter().try_for_each(|key| self.key(key))
    }

    pub(crate) fn changes(&self, changes: &[Change]) -> Result<(), Error> {
        self.count(changes.len())?;
        let mut bytes = 0;
        for (key, value) in changes {
            self.key(key)?;
            if let Some(value) = value {
                self.value(value)?;
                bytes += value.len() as u64;
            }
        }
        if bytes <= self.batch_bytes {
            return Ok(());
        }
        Err(Error::other(format!(
            "values of {bytes} bytes are more than {} in one operation (batch_bytes)",
            self.batch_bytes
        )))
    }

    fn count(&self, keys: usize) -> Result<(), Error> {
        if keys <= self.batch_keys as usize {
            return Ok(());
        }
        Err(Error::other(format!(
            "{keys} keys are more than {} in one operation (batch_keys)",
            self.batch_keys
        )))
    }
}
