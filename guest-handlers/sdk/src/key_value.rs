//! Values that outlive a call: buckets that the operator has granted this handler, by
//! `key_value = "default"` in its table of the server's configuration.
//!
//! ```
//! use patchboard::{Path, get, key_value, post};
//!
//! #[get("/visits/{name}")]
//! async fn visits(Path(name): Path<String>) -> Result<String, key_value::Error> {
//!     let bucket = key_value::open("default")?;
//!     let visits = bucket.increment(&name, 1).await?;
//!     Ok(format!("{name} was here {visits} times"))
//! }
//! # use patchboard::{Body, http, testing};
//! # use patchboard::future::FutureExt as _;
//! # let ask = || testing::call(http::Request::get("/visits/ada").body(Body::empty()).unwrap());
//! # assert_eq!(ask().now_or_never().unwrap().status(), 200);
//! # assert_eq!(ask().now_or_never().unwrap().status(), 200);
//! # let count = async { key_value::open("default")?.increment("ada", 0).await };
//! # assert_eq!(count.now_or_never().unwrap().unwrap(), 2);
//! ```
//!
//! Everything is awaited, and the other calls of the instance go on meanwhile. Each
//! operation is atomic; what reads a value, and sets another by it, is [`Bucket::update`].
//! In tests on the machine a handler is developed on, every bucket is there, in the
//! memory of the test's thread.

#[cfg(target_family = "wasm")]
mod bindings;
mod error;
#[cfg(not(target_family = "wasm"))]
mod memory;
mod swap;

#[cfg(target_family = "wasm")]
use self::bindings as backend;
pub use self::error::Error;
#[cfg(not(target_family = "wasm"))]
use self::memory as backend;
pub use self::swap::Swap;
use futures_util::stream::{self, Stream};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::VecDeque;

/// How often [`Bucket::update`] tries before it gives up.
const ATTEMPTS: u32 = 100;
/// Attempts without a pause before them.
const EAGER_ATTEMPTS: u32 = 10;

/// Opens the bucket `name`.
///
/// # Errors
///
/// If it is not granted.
pub fn open(name: &str) -> Result<Bucket, Error> {
    backend::Bucket::open(name).map(Bucket)
}

/// A collection of keys, each with a value.
#[derive(Debug)]
pub struct Bucket(backend::Bucket);

impl Bucket {
    /// The value of a key, if it has one.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.get(key.to_owned()).await
    }

    /// The value of a key, if it has one, read as JSON.
    ///
    /// ```
    /// # use patchboard::key_value;
    /// # use patchboard::future::FutureExt as _;
    /// # async fn test() -> Result<(), key_value::Error> {
    /// let bucket = key_value::open("default")?;
    /// bucket.set_json("colours", &["red", "green"]).await?;
    /// let colours: Option<Vec<String>> = bucket.get_json("colours").await?;
    /// assert_eq!(colours.unwrap(), ["red", "green"]);
    /// # Ok(())
    /// # }
    /// # test().now_or_never().unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// If the store fails, or the value is not such JSON.
    pub async fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.get(key).await?.map(|value| parse(key, &value)).transpose()
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    ///
    /// If the key or the value is longer than the operator allows, or the store fails.
    pub async fn set(&self, key: &str, value: impl Into<Vec<u8>>) -> Result<(), Error> {
        self.0.set(key.to_owned(), value.into()).await
    }

    /// Sets the value of a key to JSON.
    ///
    /// # Errors
    ///
    /// As [`Bucket::set`], and if `value` cannot be written as JSON.
    pub async fn set_json(&self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.set(key, write(key, value)?).await
    }

    /// Leaves a key without a value, if it has one.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        self.0.delete(key.to_owned()).await
    }

    /// Whether a key has a value.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn exists(&self, key: &str) -> Result<bool, Error> {
        self.0.exists(key.to_owned()).await
    }

    /// All keys, in the order of their bytes, a page at a time as they are asked for.
    ///
    /// ```
    /// # use patchboard::key_value;
    /// # use patchboard::future::FutureExt as _;
    /// use patchboard::stream::TryStreamExt as _;
    ///
    /// # async fn test() -> Result<(), key_value::Error> {
    /// let bucket = key_value::open("default")?;
    /// bucket.set_many([("b", "2"), ("a", "1")]).await?;
    /// let keys: Vec<String> = bucket.keys().try_collect().await?;
    /// assert_eq!(keys, ["a", "b"]);
    /// # Ok(())
    /// # }
    /// # test().now_or_never().unwrap().unwrap();
    /// ```
    pub fn keys(&self) -> impl Stream<Item = Result<String, Error>> {
        let start = (VecDeque::new(), Some(None));
        stream::try_unfold(start, async |(mut page, mut next): (VecDeque<String>, Option<Option<String>>)| {
            while page.is_empty() {
                let Some(cursor) = next else { return Ok(None) };
                let (keys, cursor) = self.0.list_keys(cursor).await?;
                (page, next) = (keys.into(), cursor.map(Some));
            }
            Ok(page.pop_front().map(|key| (key, (page, next))))
        })
    }

    /// Adds `delta` to the number that a key has as decimal digits, 0 where it has no
    /// value; gives the sum.
    ///
    /// # Errors
    ///
    /// If the value is no number, the sum does not fit, or the store fails.
    pub async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        self.0.increment(key.to_owned(), delta).await
    }

    /// The values of all `keys`, in their order.
    ///
    /// # Errors
    ///
    /// If they are too many or too large together, or the store fails.
    pub async fn get_many<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.0.get_many(keys.into_iter().map(|key| key.as_ref().to_owned()).collect()).await
    }

    /// Sets the values of all these keys, or of none of them.
    ///
    /// # Errors
    ///
    /// If they are too many or too large together, or the store fails.
    pub async fn set_many<K: AsRef<str>, V: Into<Vec<u8>>>(
        &self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), Error> {
        let owned = |(key, value): (K, V)| (key.as_ref().to_owned(), value.into());
        self.0.set_many(pairs.into_iter().map(owned).collect()).await
    }

    /// Leaves all these keys without a value.
    ///
    /// # Errors
    ///
    /// If they are too many, or the store fails.
    pub async fn delete_many<K: AsRef<str>>(&self, keys: impl IntoIterator<Item = K>) -> Result<(), Error> {
        self.0.delete_many(keys.into_iter().map(|key| key.as_ref().to_owned()).collect()).await
    }

    /// Sets the value of a key if its value is `expected`; `None` expects that it has no
    /// value.
    ///
    /// # Errors
    ///
    /// If the store fails. That the value was another one is no error.
    pub async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: impl Into<Vec<u8>>,
    ) -> Result<Swap, Error> {
        self.0.compare_and_swap(key.to_owned(), expected.map(<[u8]>::to_vec), value.into()).await
    }

    /// Sets the value of a key by the one it has, whoever else does so at the same time;
    /// gives the new one. `change` is called again where another call came between.
    ///
    /// ```
    /// # use patchboard::key_value;
    /// # use patchboard::future::FutureExt as _;
    /// # async fn test() -> Result<(), key_value::Error> {
    /// let bucket = key_value::open("default")?;
    /// for line in ["one\n", "two\n"] {
    ///     bucket.update("log", |old| [old.unwrap_or_default(), line.as_bytes()].concat()).await?;
    /// }
    /// assert_eq!(bucket.get("log").await?.as_deref(), Some(&b"one\ntwo\n"[..]));
    /// # Ok(())
    /// # }
    /// # test().now_or_never().unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// If the store fails, or others have come between a hundred times.
    pub async fn update(
        &self,
        key: &str,
        mut change: impl FnMut(Option<&[u8]>) -> Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        self.try_update(key, |old| Ok(change(old))).await
    }

    /// As [`Bucket::update`], with values that are JSON.
    ///
    /// ```
    /// # use patchboard::key_value;
    /// # use patchboard::future::FutureExt as _;
    /// # async fn test() -> Result<(), key_value::Error> {
    /// let bucket = key_value::open("default")?;
    /// let add = |name: &str| {
    ///     let name = name.to_owned();
    ///     bucket.update_json("guests", move |old: Option<Vec<String>>| {
    ///         let mut guests = old.unwrap_or_default();
    ///         guests.push(name.clone());
    ///         guests
    ///     })
    /// };
    /// add("ada").await?;
    /// assert_eq!(add("bob").await?, ["ada", "bob"]);
    /// # Ok(())
    /// # }
    /// # test().now_or_never().unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Bucket::update`], and if the old value is not such JSON, or the new one cannot
    /// be written as JSON.
    pub async fn update_json<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        mut change: impl FnMut(Option<T>) -> T,
    ) -> Result<T, Error> {
        let value = self.try_update(key, |old| {
            let old = old.map(|value| parse(key, value)).transpose()?;
            write(key, &change(old))
        });
        parse(key, &value.await?)
    }

    async fn try_update(
        &self,
        key: &str,
        mut change: impl FnMut(Option<&[u8]>) -> Result<Vec<u8>, Error>,
    ) -> Result<Vec<u8>, Error> {
        let mut old = self.get(key).await?;
        for attempt in 0..ATTEMPTS {
            if attempt >= EAGER_ATTEMPTS {
                backend::pause(attempt).await;
                old = self.get(key).await?;
            }
            let new = change(old.as_deref())?;
            match self.compare_and_swap(key, old.as_deref(), new.clone()).await? {
                Swap::Done => return Ok(new),
                Swap::Found(found) => old = found,
            }
        }
        Err(Error::Contended { key: key.to_owned() })
    }
}

fn parse<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(value).map_err(|source| Error::Json { key: key.to_owned(), source })
}

fn write(key: &str, value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|source| Error::Json { key: key.to_owned(), source })
}
