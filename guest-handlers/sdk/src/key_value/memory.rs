//! Buckets in the memory of a thread, for tests on the machine a handler is developed on.

use super::{Error, Swap};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

type Values = BTreeMap<String, Vec<u8>>;

thread_local! {
    static BUCKETS: RefCell<HashMap<String, Values>> = RefCell::default();
}

#[derive(Debug)]
pub(super) struct Bucket(String);

/// Nobody comes between: nothing here waits.
pub(super) async fn pause(_attempt: u32) {}

impl Bucket {
    #[expect(clippy::unnecessary_wraps, reason = "as that of a component, which may have no grant")]
    pub(super) fn open(name: &str) -> Result<Self, Error> {
        Ok(Self(name.to_owned()))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Values) -> T) -> T {
        BUCKETS.with_borrow_mut(|buckets| work(buckets.entry(self.0.clone()).or_default()))
    }

    pub(super) async fn get(&self, key: String) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.with(|values| values.get(&key).cloned()))
    }

    pub(super) async fn set(&self, key: String, value: Vec<u8>) -> Result<(), Error> {
        self.set_many(vec![(key, value)]).await
    }

    pub(super) async fn delete(&self, key: String) -> Result<(), Error> {
        self.delete_many(vec![key]).await
    }

    pub(super) async fn exists(&self, key: String) -> Result<bool, Error> {
        Ok(self.with(|values| values.contains_key(&key)))
    }

    /// All keys are one page.
    pub(super) async fn list_keys(
        &self,
        _cursor: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), Error> {
        Ok((self.with(|values| values.keys().cloned().collect()), None))
    }

    pub(super) async fn increment(&self, key: String, delta: i64) -> Result<i64, Error> {
        self.with(|values| {
            let number = match values.get(&key) {
                None => Some(0),
                Some(value) => str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
            };
            let sum = number.and_then(|number: i64| number.checked_add(delta)).ok_or_else(|| {
                Error::Store(format!("the value of `{key}` is not a whole number, or would not fit"))
            })?;
            values.insert(key, sum.to_string().into());
            Ok(sum)
        })
    }

    pub(super) async fn compare_and_swap(
        &self,
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<Swap, Error> {
        Ok(self.with(|values| {
            let found = values.get(&key);
            if found != expected.as_ref() {
                return Swap::Found(found.cloned());
            }
            values.insert(key, value);
            Swap::Done
        }))
    }

    pub(super) async fn get_many(&self, keys: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, Error> {
        Ok(self.with(|values| keys.iter().map(|key| values.get(key).cloned()).collect()))
    }

    pub(super) async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        self.with(|values| values.extend(pairs));
        Ok(())
    }

    pub(super) async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        self.with(|values| keys.iter().for_each(|key| drop(values.remove(key))));
        Ok(())
    }
}
