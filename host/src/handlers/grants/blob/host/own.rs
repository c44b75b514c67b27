//! `patchboard:handler/blob`: awaited, so an instance's other calls go on meanwhile.

#![allow(unreachable_pub, reason = "the generated bindings export the types of resources")]

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::SystemTime;

use http_body_util::BodyExt as _;
use patchboard_blob as blob;
use tokio::sync::oneshot;
use wasmtime::component::{
    Access, Accessor, FutureConsumer, FutureReader, HasSelf, Linker, Resource, Source, StreamReader,
};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi::WasiView as _;

use super::bindings::{
    Entry, Error, Host, HostFolder, HostFolderWithStore, Metadata, Object, Page, Range, add_to_linker as add,
};
use super::operation::{Handle, Operation, granted, push};
use super::reading::Reading;
use crate::handlers::imports::pipe::{PipeBody, Trailers, pipe};
use crate::handlers::state::State;

type Outcome<T> = wasmtime::Result<Result<T, Error>>;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    add::<State, HasSelf<State>>(linker, |state| state)
}

impl Host for State {}

impl HostFolder for State {}

impl HostFolderWithStore<State> for HasSelf<State> {
    fn drop(mut access: Access<'_, State, Self>, folder: Resource<Handle>) -> wasmtime::Result<()> {
        access.get().ctx().table.delete(folder)?;
        Ok(())
    }

    fn open(mut access: Access<'_, State, Self>, name: String) -> Outcome<Resource<Handle>> {
        let state = access.get();
        let Some(folder) = granted(state, &name) else { return Ok(Err(Error::NoSuchFolder(name))) };
        Ok(push(state, Handle(folder))?.map_err(Error::from))
    }

    async fn put(
        accessor: &Accessor<State, Self>,
        folder: Resource<Handle>,
        name: String,
        content: StreamReader<u8>,
        complete: FutureReader<Result<(), ()>>,
    ) -> Outcome<Metadata> {
        let (folder, operation) = enter(accessor, &folder)?;
        let body = accessor.with(|mut access| {
            let (bytes, end, body, _) = pipe(None);
            content.pipe(access.as_context_mut(), bytes)?;
            complete.pipe(access.as_context_mut(), Complete(end))?;
            wasmtime::error::Ok(body)
        })?;
        Ok(match operation.wait(put(&folder, name, body)).await {
            Ok(Some(metadata)) => Ok(metadata.into()),
            Ok(None) => Err(Error::Incomplete),
            Err(error) => Err(error.into()),
        })
    }

    async fn get(
        accessor: &Accessor<State, Self>,
        folder: Resource<Handle>,
        name: String,
        range: Option<Range>,
    ) -> Outcome<Object> {
        let (folder, operation) = enter(accessor, &folder)?;
        let range = range
            .map_or_else(blob::Range::default, |Range { offset, length }| blob::Range { offset, length });
        let opened = async { folder.get(blob::ObjectName::parse(name)?, range).await };
        let object = match operation.wait(opened).await {
            Ok(object) => object,
            Err(error) => return Ok(Err(error.into())),
        };
        let (metadata, length) = (object.metadata().clone().into(), object.length());
        let held = operation.hold(Arc::new(Mutex::new(object)));
        let (ending, ended) = oneshot::channel();
        accessor.with(|mut access| {
            let content = StreamReader::new(access.as_context_mut(), Reading::new(held, ending))?;
            let complete = FutureReader::new(access.as_context_mut(), async {
                // The stream was closed before its end: nobody wants to know.
                let end = ended.await.unwrap_or(Ok(()));
                wasmtime::error::Ok(end.map_err(Error::from))
            })?;
            Ok(Ok(Object { metadata, length, content, complete }))
        })
    }

    async fn head(
        accessor: &Accessor<State, Self>,
        folder: Resource<Handle>,
        name: String,
    ) -> Outcome<Metadata> {
        let (folder, operation) = enter(accessor, &folder)?;
        let found = async { folder.head(blob::ObjectName::parse(name)?).await };
        Ok(operation.wait(found).await.map(Metadata::from).map_err(Error::from))
    }

    async fn list(
        accessor: &Accessor<State, Self>,
        folder: Resource<Handle>,
        prefix: String,
        cursor: Option<String>,
    ) -> Outcome<Page> {
        let (folder, operation) = enter(accessor, &folder)?;
        let page = operation.wait(folder.list(prefix, cursor)).await;
        Ok(page.map(Page::from).map_err(Error::from))
    }

    async fn delete(
        accessor: &Accessor<State, Self>,
        folder: Resource<Handle>,
        name: String,
    ) -> Outcome<bool> {
        let (folder, operation) = enter(accessor, &folder)?;
        let deleted = async { folder.delete(blob::ObjectName::parse(name)?).await };
        Ok(operation.wait(deleted).await.map_err(Error::from))
    }
}

/// What every operation begins with, before any await.
fn enter(
    accessor: &Accessor<State, HasSelf<State>>,
    folder: &Resource<Handle>,
) -> wasmtime::Result<(Arc<blob::Folder>, Operation)> {
    accessor.with(|mut access| {
        let operation = Operation::begin(access.as_context_mut())?;
        Ok((access.get().ctx().table.get(folder)?.0.clone(), operation))
    })
}

/// What a put comes to; none where it was given up.
async fn put(
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
