//! Buckets of the host: `patchboard:handler/key-value`, in this crate's types.

mod generated;

use self::generated::patchboard::handler::key_value::{self as host, KeyResponse, SwapError};
use super::{Error, Swap};
use crate::time;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Bucket(host::Bucket);

/// Lets others have their turn; the longer, the more often they have come between.
pub(super) async fn pause(attempt: u32) {
    time::sleep(Duration::from_millis(attempt.into())).await;
}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        match error {
            host::Error::NoSuchStore => Self::NoSuchBucket,
            host::Error::AccessDenied => Self::AccessDenied,
            host::Error::Other(text) => Self::Store(text),
        }
    }
}

impl Bucket {
    pub(super) fn open(name: &str) -> Result<Self, Error> {
        Ok(Self(host::Bucket::open(name)?))
    }

    pub(super) async fn get(&self, key: String) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.get(key).await?)
    }

    pub(super) async fn set(&self, key: String, value: Vec<u8>) -> Result<(), Error> {
        Ok(self.0.set(key, value).await?)
    }

    pub(super) async fn delete(&self, key: String) -> Result<(), Error> {
        Ok(self.0.delete(key).await?)
    }

    pub(super) async fn exists(&self, key: String) -> Result<bool, Error> {
        Ok(self.0.exists(key).await?)
    }

    pub(super) async fn list_keys(
        &self,
        cursor: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), Error> {
        let KeyResponse { keys, cursor } = self.0.list_keys(cursor).await?;
        Ok((keys, cursor))
    }

    pub(super) async fn increment(&self, key: String, delta: i64) -> Result<i64, Error> {
        Ok(self.0.increment(key, delta).await?)
    }

    pub(super) async fn compare_and_swap(
        &self,
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<Swap, Error> {
        match self.0.compare_and_swap(key, expected, value).await {
            Ok(()) => Ok(Swap::Done),
            Err(SwapError::SwapFailed(found)) => Ok(Swap::Found(found)),
            Err(SwapError::StoreError(error)) => Err(error.into()),
        }
    }

    pub(super) async fn get_many(&self, keys: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let pairs = self.0.get_many(keys).await?;
        Ok(pairs.into_iter().map(|pair| pair.map(|(_, value)| value)).collect())
    }

    pub(super) async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        Ok(self.0.set_many(pairs).await?)
    }

    pub(super) async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        Ok(self.0.delete_many(keys).await?)
    }
}
