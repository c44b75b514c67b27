//! Folders of the host: `patchboard:handler/blob`, in this crate's types.

use super::bindings::patchboard::handler::{blob as host, blob_types as types};
use super::bindings::{wit_future, wit_stream};
use super::error::{BoxError, Error, Result};
use super::object::{Entry, Metadata, Object, Range};
use axum::body::{Body, Bytes};
use futures_util::future::{Either, select};
use futures_util::{Stream, StreamExt as _, stream};
use http_body::{Frame, SizeHint};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};
use wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter};

/// One read takes at most this much. Each read is a call into the host.
const READ_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Folder(host::Folder);

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        match error {
            host::Error::NoSuchFolder(name) => Self::NoSuchFolder(name),
            host::Error::NotFound => Self::NotFound,
            host::Error::Invalid(text) => Self::Invalid(text),
            host::Error::ReadOnly => Self::ReadOnly,
            host::Error::TooLarge(text) => Self::TooLarge(text),
            host::Error::Unavailable(text) => Self::Unavailable(text),
            host::Error::Incomplete => Self::Other("the put was given up".to_owned()),
            host::Error::Other(text) => Self::Other(text),
        }
    }
}

impl From<host::Metadata> for Metadata {
    fn from(host::Metadata { size, etag, last_modified }: host::Metadata) -> Self {
        Self { size, etag, last_modified: SystemTime::UNIX_EPOCH + Duration::from_nanos(last_modified) }
    }
}

impl Folder {
    pub(super) fn open(name: &str) -> Result<Self> {
        Ok(Self(host::Folder::open(name)?))
    }

    pub(super) async fn put(
        &self,
        name: String,
        content: impl Stream<Item = std::result::Result<Bytes, BoxError>>,
    ) -> Result<Metadata> {
        let (bytes, bytes_reader) = wit_stream::new();
        let (complete, complete_reader) = wit_future::new(|| Err(()));
        let putting = pin!(self.0.put(name, bytes_reader, complete_reader));
        let writing = pin!(write(content, bytes, complete));
        let (written, putting) = match select(putting, writing).await {
            // The host wants no more, and says why.
            Either::Left((put, _)) => return Ok(put?.into()),
            Either::Right(written) => written,
        };
        let put = putting.await;
        match written {
            Ok(()) => Ok(put?.into()),
            Err(error) => Err(Error::Content(error)),
        }
    }

    pub(super) async fn get(&self, name: String, Range { offset, length }: Range) -> Result<Object> {
        let host::Object { metadata, length, content, complete } =
            self.0.get(name, Some(host::Range { offset, length })).await?;
        let body = Body::new(Measured { bytes: Box::pin(read(content, complete, length)), left: length });
        Ok(Object::new(metadata.into(), body))
    }

    pub(super) async fn head(&self, name: String) -> Result<Metadata> {
        Ok(self.0.head(name).await?.into())
    }

    pub(super) async fn list(
        &self,
        prefix: String,
        cursor: Option<String>,
    ) -> Result<(Vec<Entry>, Option<String>)> {
        let host::Page { entries, cursor } = self.0.list(prefix, cursor).await?;
        let entry = |types::Entry { name, metadata }| Entry { name, metadata: metadata.into() };
        Ok((entries.into_iter().map(entry).collect(), cursor))
    }

    pub(super) async fn delete(&self, name: String) -> Result<bool> {
        Ok(self.0.delete(name).await?)
    }
}

/// Writes all of `content`, then says that it was all.
async fn write(
    content: impl Stream<Item = std::result::Result<Bytes, BoxError>>,
    mut bytes: StreamWriter<u8>,
    complete: FutureWriter<std::result::Result<(), ()>>,
) -> std::result::Result<(), BoxError> {
    let mut content = pin!(content);
    while let Some(chunk) = content.next().await {
        if !bytes.write_all(Vec::from(chunk?)).await.is_empty() {
            // The host wants no more, and says why.
            return Ok(());
        }
    }
    drop(bytes);
    complete.write(Ok(())).await.ok();
    Ok(())
}

type Complete = FutureReader<std::result::Result<(), host::Error>>;

fn read(
    content: StreamReader<u8>,
    complete: Complete,
    length: u64,
) -> impl Stream<Item = std::result::Result<Bytes, BoxError>> + Send {
    let read_bytes = usize::try_from(length).unwrap_or(READ_BYTES).clamp(1, READ_BYTES);
    stream::unfold(Some((content, complete)), move |state| async move {
        let (mut content, complete) = state?;
        let (result, chunk) = content.read(Vec::with_capacity(read_bytes)).await;
        if let StreamResult::Complete(_) = result {
            return Some((Ok(Bytes::from(chunk)), Some((content, complete))));
        }
        let failed = complete.await.err()?;
        Some((Err(Error::from(failed).into()), None))
    })
}

/// Bytes as they come, of which there will be so many.
struct Measured {
    bytes: Pin<Box<dyn Stream<Item = std::result::Result<Bytes, BoxError>> + Send>>,
    left: u64,
}

impl http_body::Body for Measured {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, BoxError>>> {
        let bytes = ready!(self.bytes.as_mut().poll_next(context));
        if let Some(Ok(bytes)) = &bytes {
            self.left = self.left.saturating_sub(bytes.len() as u64);
        }
        Poll::Ready(bytes.map(|bytes| bytes.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
