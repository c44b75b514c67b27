//! Objects of any size that outlive a call: files in a folder that the operator has
//! granted this handler, by `blob = "uploads"` in its table of the server's configuration.
//!
//! ```
//! use patchboard::{Body, Path, get, put, blob};
//!
//! #[put("/files/{name}")]
//! async fn keep(Path(name): Path<String>, content: Body) -> Result<String, blob::Error> {
//!     let metadata = blob::open("uploads")?.put(&name, content).await?;
//!     Ok(format!("{} bytes\n", metadata.size))
//! }
//!
//! #[get("/files/{name}")]
//! async fn give(Path(name): Path<String>) -> Result<blob::Object, blob::Error> {
//!     blob::open("uploads")?.get(&name).await
//! }
//! # use patchboard::{http, testing};
//! # use patchboard::future::FutureExt as _;
//! # let put = http::Request::put("/files/a").body(Body::from("bytes")).unwrap();
//! # assert_eq!(testing::call(put).now_or_never().unwrap().status(), 200);
//! # let get = http::Request::get("/files/a").body(Body::empty()).unwrap();
//! # let response = testing::call(get).now_or_never().unwrap();
//! # assert_eq!(response.status(), 200);
//! # assert!(response.headers().contains_key("etag") && response.headers().contains_key("last-modified"));
//! # let absent = http::Request::get("/files/b").body(Body::empty()).unwrap();
//! # assert_eq!(testing::call(absent).now_or_never().unwrap().status(), 404);
//! ```
//!
//! Neither holds an object: its bytes go from the client to the disk, and from the disk to
//! the client, as fast as the slower of them is. An object is replaced as a whole when a
//! put has ended well, and a put that does not leaves nothing.
//!
//! A name is segments with slashes between them; the host refuses those that could lead
//! out of the folder. In tests on the machine a handler is developed on, every folder is
//! there, in the memory of the test's thread.

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod component;
mod error;
#[cfg(not(target_family = "wasm"))]
mod memory;
mod object;

#[cfg(target_family = "wasm")]
use self::component as backend;
use self::error::BoxError;
pub use self::error::{Error, Result};
#[cfg(not(target_family = "wasm"))]
use self::memory as backend;
use self::object::Range;
pub use self::object::{Entry, Metadata, Object};
use axum::body::{Body, Bytes};
use futures_util::{Stream, TryStreamExt as _, stream};
use std::collections::VecDeque;
use std::ops::{Bound, RangeBounds};
use std::pin::Pin;

/// Opens the folder `name`.
///
/// # Errors
///
/// If it is not granted.
pub fn open(name: &str) -> Result<Folder> {
    backend::Folder::open(name).map(Folder)
}

/// A folder of objects.
#[derive(Debug)]
pub struct Folder(backend::Folder);

/// An object to be read, whole unless [`Get::range`] says otherwise; await it.
#[derive(Debug)]
#[must_use = "nothing is read until it is awaited"]
pub struct Get<'a> {
    folder: &'a Folder,
    name: &'a str,
    range: Range,
}

impl Folder {
    /// Puts an object, in place of the one that has the name: a request's [`Body`], or
    /// bytes or a text at hand.
    ///
    /// # Errors
    ///
    /// If the name cannot be one, the object or its folder would be larger than the operator
    /// allows, or the content fails; nothing is put then.
    pub async fn put(&self, name: &str, content: impl Into<Body>) -> Result<Metadata> {
        self.put_stream(name, content.into().into_data_stream()).await
    }

    /// As [`Folder::put`], with bytes as they come from a stream, such as a field of a
    /// [`Multipart`](crate::Multipart) form.
    ///
    /// ```
    /// use patchboard::{Multipart, blob, extract::multipart::MultipartError};
    ///
    /// async fn keep(mut form: Multipart) -> Result<(), Box<dyn std::error::Error>> {
    ///     let folder = blob::open("uploads")?;
    ///     while let Some(field) = form.next_field().await? {
    ///         let name = field.name().unwrap_or("nameless").to_owned();
    ///         folder.put_stream(&name, field).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Folder::put`].
    pub async fn put_stream<E: Into<BoxError>>(
        &self,
        name: &str,
        content: impl Stream<Item = std::result::Result<Bytes, E>>,
    ) -> Result<Metadata> {
        self.0.put(name.to_owned(), content.map_err(Into::into)).await
    }

    /// An object. Await it, or first say which part of it.
    ///
    /// ```
    /// # use patchboard::blob;
    /// # use patchboard::future::FutureExt as _;
    /// # async fn test() -> blob::Result<()> {
    /// let folder = blob::open("uploads")?;
    /// folder.put("digits", "0123456789").await?;
    /// assert_eq!(folder.get("digits").range(2..5).await?.bytes().await?, "234");
    /// assert_eq!(folder.get("digits").range(8..).await?.bytes().await?, "89");
    /// # Ok(())
    /// # }
    /// # test().now_or_never().unwrap().unwrap();
    /// ```
    pub fn get<'a>(&'a self, name: &'a str) -> Get<'a> {
        Get { folder: self, name, range: Range { offset: 0, length: None } }
    }

    /// What is known of an object.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn head(&self, name: &str) -> Result<Metadata> {
        self.0.head(name.to_owned()).await
    }

    /// The objects whose names begin with `prefix`, in the order of the names' bytes, a
    /// page at a time as they are asked for.
    ///
    /// ```
    /// # use patchboard::blob;
    /// # use patchboard::future::FutureExt as _;
    /// use patchboard::stream::TryStreamExt as _;
    ///
    /// # async fn test() -> blob::Result<()> {
    /// let folder = blob::open("uploads")?;
    /// for name in ["2026/b", "2026/a", "2025/c"] {
    ///     folder.put(name, "x").await?;
    /// }
    /// let entries: Vec<_> = folder.list("2026/").try_collect().await?;
    /// assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["2026/a", "2026/b"]);
    /// # Ok(())
    /// # }
    /// # test().now_or_never().unwrap().unwrap();
    /// ```
    pub fn list(&self, prefix: &str) -> impl Stream<Item = Result<Entry>> {
        let start = (VecDeque::new(), Some(None));
        stream::try_unfold(start, async |(mut page, mut next): (VecDeque<Entry>, Option<Option<String>>)| {
            while page.is_empty() {
                let Some(cursor) = next else { return Ok(None) };
                let (entries, cursor) = self.0.list(prefix.to_owned(), cursor).await?;
                (page, next) = (entries.into(), cursor.map(Some));
            }
            Ok(page.pop_front().map(|entry| (entry, (page, next))))
        })
    }

    /// Deletes an object; whether there was one.
    ///
    /// # Errors
    ///
    /// If the folder is granted for reading only, or the disk fails.
    pub async fn delete(&self, name: &str) -> Result<bool> {
        self.0.delete(name.to_owned()).await
    }
}

impl Get<'_> {
    /// Reads only these bytes. They end with the object at the latest; that they begin
    /// behind its end is an error.
    pub fn range(self, range: impl RangeBounds<u64>) -> Self {
        let offset = match range.start_bound() {
            Bound::Included(&first) => first,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let length = match range.end_bound() {
            Bound::Included(&last) => Some(last.saturating_add(1).saturating_sub(offset)),
            Bound::Excluded(&end) => Some(end.saturating_sub(offset)),
            Bound::Unbounded => None,
        };
        Self { range: Range { offset, length }, ..self }
    }
}

impl<'a> IntoFuture for Get<'a> {
    type Output = Result<Object>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Object>> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.folder.0.get(self.name.to_owned(), self.range).await })
    }
}
