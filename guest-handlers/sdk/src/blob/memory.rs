//! Folders in the memory of a thread, for tests on the machine a handler is developed on.

use super::error::{BoxError, Error, Result};
use super::object::{Entry, Metadata, Object, Range};
use axum::body::{Body, Bytes};
use futures_util::{Stream, TryStreamExt as _};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::time::SystemTime;

type Objects = BTreeMap<String, (Metadata, Bytes)>;

thread_local! {
    static FOLDERS: RefCell<HashMap<String, Objects>> = RefCell::default();
    static PUTS: Cell<u64> = const { Cell::new(0) };
}

#[derive(Debug)]
pub(super) struct Folder(String);

impl Folder {
    #[expect(clippy::unnecessary_wraps, reason = "as that of a component, which may have no grant")]
    pub(super) fn open(name: &str) -> Result<Self> {
        Ok(Self(name.to_owned()))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Objects) -> T) -> T {
        FOLDERS.with_borrow_mut(|folders| work(folders.entry(self.0.clone()).or_default()))
    }

    fn find(&self, name: &str) -> Result<(Metadata, Bytes)> {
        check(name)?;
        self.with(|objects| objects.get(name).cloned()).ok_or(Error::NotFound)
    }

    pub(super) async fn put(
        &self,
        name: String,
        content: impl Stream<Item = std::result::Result<Bytes, BoxError>>,
    ) -> Result<Metadata> {
        check(&name)?;
        let mut content = pin!(content);
        let mut bytes = Vec::new();
        while let Some(chunk) = content.try_next().await.map_err(Error::Content)? {
            bytes.extend_from_slice(&chunk);
        }
        let put = PUTS.replace(PUTS.get() + 1);
        let etag = format!("\"{:x}-{put:x}\"", bytes.len());
        let metadata = Metadata { size: bytes.len() as u64, etag, last_modified: SystemTime::now() };
        self.with(|objects| objects.insert(name, (metadata.clone(), bytes.into())));
        Ok(metadata)
    }

    pub(super) async fn get(&self, name: String, range: Range) -> Result<Object> {
        let (metadata, bytes) = self.find(&name)?;
        let start = usize::try_from(range.offset).ok().filter(|&start| start <= bytes.len());
        let Some(start) = start else {
            return Err(Error::Invalid(format!("byte {} is behind the end of the object", range.offset)));
        };
        let rest = bytes.slice(start..);
        let length = range.length.and_then(|length| usize::try_from(length).ok());
        let part = rest.slice(..length.map_or(rest.len(), |length| length.min(rest.len())));
        Ok(Object::new(metadata, Body::from(part)))
    }

    pub(super) async fn head(&self, name: String) -> Result<Metadata> {
        Ok(self.find(&name)?.0)
    }

    /// All objects are one page.
    pub(super) async fn list(
        &self,
        prefix: String,
        _cursor: Option<String>,
    ) -> Result<(Vec<Entry>, Option<String>)> {
        let entry = |(name, (metadata, _)): (&String, &(Metadata, Bytes))| Entry {
            name: name.clone(),
            metadata: metadata.clone(),
        };
        let begins = |(name, _): &(&String, &(Metadata, Bytes))| name.starts_with(&prefix);
        Ok((self.with(|objects| objects.iter().filter(begins).map(entry).collect()), None))
    }

    pub(super) async fn delete(&self, name: String) -> Result<bool> {
        check(&name)?;
        Ok(self.with(|objects| objects.remove(&name)).is_some())
    }
}

/// Refuses what the host would.
fn check(name: &str) -> Result<()> {
    let is_plain = |segment: &str| !["", ".", ".."].contains(&segment) && !segment.contains('\0');
    match name.split('/').all(is_plain) {
        true => Ok(()),
        false => Err(Error::Invalid("a segment of the name is empty, `.` or `..`, or has NUL".to_owned())),
    }
}
