//! `patchboard:handler/blob`: awaited, so an instance's other calls go on meanwhile.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::SystemTime;

use http_body_util::BodyExt as _;
use patchboard_blob as blob;
use tokio::sync::oneshot;
use wasmtime::component::{FutureConsumer, FutureReader, Linker, Resource, Source, StreamReader};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi::WasiView as _;

use super::operation::{Handle, Operation, granted, push};
use super::reading::Reading;
use crate::handlers::bindings::blob_types::{Entry, Error, Metadata, Object, Page, Range};
use crate::handlers::imports::awaited::{as_it_is, link_both};
use crate::handlers::imports::pipe::{PipeBody, Trailers, pipe};
use crate::handlers::imports::weight::{Weight, weightless};
use crate::handlers::state::State;

type GuestResult<T> = Result<T, Error>;
type Folder = Resource<Handle>;
type Content = StreamReader<u8>;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    link_both(linker, "blob", |interface| {
        interface.resource::<Handle>("folder", |_, _| {})?;
        interface.function("[static]folder.open", open)?;
        interface.awaited("[method]folder.put", put, as_it_is)?;
        interface.awaited("[method]folder.get", get, opened)?;
        interface.awaited("[method]folder.head", head, as_it_is)?;
        interface.awaited("[method]folder.list", list, as_it_is)?;
        interface.awaited("[method]folder.delete", delete, as_it_is)
    })
}

fn open(mut store: StoreContextMut<'_, State>, (name,): (String,)) -> wasmtime::Result<GuestResult<Folder>> {
    let state = store.data_mut();
    let Some(folder) = granted(state, &name) else { return Ok(Err(Error::NoSuchFolder(name))) };
    Ok(push(state, Handle(folder))?.map_err(Error::from))
}

fn put(
    mut store: StoreContextMut<'_, State>,
    (folder, name, content, complete): (Folder, String, Content, FutureReader<Result<(), ()>>),
) -> wasmtime::Result<impl Future<Output = GuestResult<Metadata>> + Send + use<>> {
    let (folder, operation) = enter(store.as_context_mut(), &folder)?;
    let (bytes, end, body, _) = pipe(store.data(), None);
    content.pipe(store.as_context_mut(), bytes)?;
    complete.pipe(store, Complete(end))?;
    Ok(async move {
        match operation.wait(put_all(&folder, name, body)).await? {
            Some(metadata) => Ok(metadata.into()),
            None => Err(Error::Incomplete),
        }
    })
}

/// An object that was opened, for the call that asked for it.
type Opened = (GuestResult<blob::Object>, Operation);

fn get(
    store: StoreContextMut<'_, State>,
    (folder, name, range): (Folder, String, Option<Range>),
) -> wasmtime::Result<impl Future<Output = Opened> + Send + use<>> {
    let (folder, operation) = enter(store, &folder)?;
    let range =
        range.map_or_else(blob::Range::default, |Range { offset, length }| blob::Range { offset, length });
    Ok(async move {
        let opened = async { folder.get(blob::ObjectName::parse(name)?, range).await };
        (operation.wait(opened).await.map_err(Error::from), operation)
    })
}

fn opened(
    mut store: StoreContextMut<'_, State>,
    (object, operation): Opened,
) -> wasmtime::Result<GuestResult<Object>> {
    let object = match object {
        Ok(object) => object,
        Err(error) => return Ok(Err(error)),
    };
    let (metadata, length) = (object.metadata().clone().into(), object.length());
    let held = operation.hold(Arc::new(Mutex::new(object)));
    let (ending, ended) = oneshot::channel();
    let content = StreamReader::new(store.as_context_mut(), Reading::new(held, ending))?;
    let complete = FutureReader::new(store, async {
        // The stream was closed before its end: nobody wants to know.
        let end = ended.await.unwrap_or(Ok(()));
        wasmtime::error::Ok(end.map_err(Error::from))
    })?;
    Ok(Ok(Object { metadata, length, content, complete }))
}

fn head(
    store: StoreContextMut<'_, State>,
    (folder, name): (Folder, String),
) -> wasmtime::Result<impl Future<Output = GuestResult<Metadata>> + Send + use<>> {
    let (folder, operation) = enter(store, &folder)?;
    Ok(async move {
        let found = async { folder.head(blob::ObjectName::parse(name)?).await };
        Ok(operation.wait(found).await?.into())
    })
}

fn list(
    store: StoreContextMut<'_, State>,
    (folder, prefix, cursor): (Folder, String, Option<String>),
) -> wasmtime::Result<impl Future<Output = GuestResult<Page>> + Send + use<>> {
    let (folder, operation) = enter(store, &folder)?;
    Ok(async move { Ok(operation.wait(folder.list(prefix, cursor)).await?.into()) })
}

fn delete(
    store: StoreContextMut<'_, State>,
    (folder, name): (Folder, String),
) -> wasmtime::Result<impl Future<Output = GuestResult<bool>> + Send + use<>> {
    let (folder, operation) = enter(store, &folder)?;
    Ok(async move {
        let deleted = async { folder.delete(blob::ObjectName::parse(name)?).await };
        Ok(operation.wait(deleted).await?)
    })
}

/// What every operation begins with, before any await.
fn enter(
    mut store: StoreContextMut<'_, State>,
    folder: &Folder,
) -> wasmtime::Result<(Arc<blob::Folder>, Operation)> {
    let operation = Operation::begin(store.as_context_mut())?;
    Ok((store.data_mut().ctx().table.get(folder)?.0.clone(), operation))
}

/// What a put comes to; none where it was given up.
async fn put_all(
    folder: &blob::Folder,
    name: String,
    mut body: PipeBody,
) -> Result<Option<blob::Metadata>, blob::Error> {
    let mut put = folder.put(blob::ObjectName::parse(name)?).await?;
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(bytes)) => put.write(bytes).await?,
            // It has no trailers.
            Ok(Err(_)) => {}
            Err(_) => return Ok(None),
        }
    }
    put.finish().await.map(Some)
}

/// Tells the pipe of the content whether that was all.
struct Complete(Trailers);

impl FutureConsumer<State> for Complete {
    type Item = Result<(), ()>;

    fn poll_consume(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, State>,
        mut source: Source<'_, Self::Item>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut complete = None;
        source.read(store, &mut complete)?;
        if let Some(complete) = complete {
            self.0.resolve(complete.map(|()| None).map_err(|()| "it was given up".to_owned()));
        }
        Poll::Ready(Ok(()))
    }
}

/// What an object has read ahead.
const AHEAD_BYTES: usize = 128 << 10;

impl Weight for blob::Object {
    fn weight(&self) -> usize {
        AHEAD_BYTES
    }
}

impl Weight for Metadata {
    fn weight(&self) -> usize {
        self.etag.len()
    }
}

impl Weight for Entry {
    fn weight(&self) -> usize {
        self.name.len() + self.metadata.weight()
    }
}

impl Weight for Page {
    fn weight(&self) -> usize {
        self.entries.weight() + self.cursor.weight()
    }
}

impl Weight for Error {
    fn weight(&self) -> usize {
        match self {
            Self::NotFound | Self::ReadOnly | Self::Incomplete => 0,
            Self::NoSuchFolder(text)
            | Self::Invalid(text)
            | Self::TooLarge(text)
            | Self::Unavailable(text)
            | Self::Other(text) => text.len(),
        }
    }
}

weightless!(Range, Operation);

impl From<blob::Metadata> for Metadata {
    fn from(blob::Metadata { size, etag, modified }: blob::Metadata) -> Self {
        let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { size, etag, last_modified: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX) }
    }
}

impl From<blob::Page> for Page {
    fn from(blob::Page { objects, more }: blob::Page) -> Self {
        let cursor = objects.last().filter(|_| more).map(|(name, _)| name.clone());
        let entry = |(name, metadata): (_, blob::Metadata)| Entry { name, metadata: metadata.into() };
        Self { entries: objects.into_iter().map(entry).collect(), cursor }
    }
}

impl From<blob::Error> for Error {
    fn from(error: blob::Error) -> Self {
        match error {
            blob::Error::NotFound => Self::NotFound,
            blob::Error::Invalid(text) => Self::Invalid(text),
            blob::Error::ReadOnly => Self::ReadOnly,
            blob::Error::TooLarge(text) => Self::TooLarge(text),
            blob::Error::Unavailable(text) => Self::Unavailable(text),
            blob::Error::Other(text) => Self::Other(text),
        }
    }
}
