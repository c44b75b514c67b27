//! `wasi:blobstore`: its functions wait by holding their instance, so they are linked only
//! where an instance has one call at a time.
//!
//! Containers are the granted folders, so none is made or deleted here. The end of a range
//! is its last byte, as the proposal has it, and may lie behind the end of the object.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use patchboard_blob::{Error, Folder, ObjectName, Range};
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::operation::{Handle as Container, Operation, granted, push};
use super::wasi_streams::{Body, Content, Incoming, Outgoing, Sink};
use crate::handlers::state::State;

const VERSION: &str = "0.2.0-draft";
/// The most names that are given at once.
const NAMES: u64 = 1000;

/// What who would create or delete a container is told.
const FIXED: &str = "containers are the folders that the operator grants; none is created or deleted";

/// `error` is a text.
type Answer<T> = Result<T, String>;

/// `stream-object-names`.
struct Names {
    folder: Arc<Folder>,
    page: VecDeque<String>,
    /// The last name of the pages so far.
    after: Option<String>,
    is_last: bool,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct ContainerMetadata {
    name: String,
    #[component(name = "created-at")]
    created_at: u64,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct ObjectMetadata {
    name: String,
    container: String,
    #[component(name = "created-at")]
    created_at: u64,
    size: u64,
}

#[derive(ComponentType, Lift)]
#[component(record)]
struct ObjectId {
    container: String,
    object: String,
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    values(&mut linker.instance(&format!("wasi:blobstore/types@{VERSION}"))?)?;
    container(&mut linker.instance(&format!("wasi:blobstore/container@{VERSION}"))?)?;
    blobstore(&mut linker.instance(&format!("wasi:blobstore/blobstore@{VERSION}"))?)
}

fn resource<T: Send + 'static>(types: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<()> {
    types.resource(name, ResourceType::host::<T>(), |mut store, handle| {
        store.data_mut().ctx().table.delete(Resource::<T>::new_own(handle))?;
        Ok(())
    })
}

fn values(types: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    resource::<Outgoing>(types, "outgoing-value")?;
    resource::<Incoming>(types, "incoming-value")?;
    types.func_wrap("[static]outgoing-value.new-outgoing-value", |mut store, (): ()| {
        let operation = Operation::begin(store.as_context_mut())?;
        let sink = operation.hold(Arc::<tokio::sync::Mutex<Sink>>::default());
        Ok((store.data_mut().ctx().table.push(Outgoing { sink, is_body_taken: false })?,))
    })?;
    types.func_wrap(
        "[method]outgoing-value.outgoing-value-write-body",
        |mut store, (value,): (Resource<Outgoing>,)| {
            let table = store.data_mut().ctx().table;
            let outgoing = table.get_mut(&value)?;
            if std::mem::replace(&mut outgoing.is_body_taken, true) {
                return Ok((Err(()),));
            }
            let sink = outgoing.sink.get().as_ref().map(Arc::downgrade).unwrap_or_default();
            let body: DynOutputStream = Box::new(Body(sink));
            Ok((Ok(table.push_child(body, &value)?),))
        },
    )?;
    types.func_wrap_async(
        "[static]outgoing-value.finish",
        |mut store, (value,): (Resource<Outgoing>,)| {
            Box::new(async move {
                let operation = Operation::begin(store.as_context_mut())?;
                let outgoing = store.data_mut().ctx().table.delete(value)?;
                let Some(sink) = outgoing.sink.get() else { return Ok((Err(ended()),)) };
                let finished = operation.wait(async { sink.lock().await.finish().await }).await;
                Ok((text(finished.map(drop)),))
            })
        },
    )?;
    types.func_wrap_async(
        "[static]incoming-value.incoming-value-consume-sync",
        |mut store, (value,): (Resource<Incoming>,)| {
            Box::new(async move {
                let operation = Operation::begin(store.as_context_mut())?;
                let incoming = store.data_mut().ctx().table.delete(value)?;
                let bytes = usize::try_from(incoming.length).unwrap_or(usize::MAX);
                // The host has all of it before the guest has.
                let _held = match store.data_mut().memory.hold(bytes) {
                    Ok(held) => held,
                    Err(over) => return Ok((Err(format!("{over}; or consume the value as a stream")),)),
                };
                Ok((text(operation.wait(whole(&incoming)).await),))
            })
        },
    )?;
    types.func_wrap(
        "[static]incoming-value.incoming-value-consume-async",
        |mut store, (value,): (Resource<Incoming>,)| {
            let table = store.data_mut().ctx().table;
            let content: DynInputStream = Box::new(Content::new(table.delete(value)?));
            Ok((Answer::Ok(table.push(content)?),))
        },
    )?;
    types.func_wrap("[method]incoming-value.size", |mut store, (value,): (Resource<Incoming>,)| {
        Ok((store.data_mut().ctx().table.get(&value)?.length,))
    })
}

fn container(types: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    resource::<Container>(types, "container")?;
    resource::<Names>(types, "stream-object-names")?;
    types.func_wrap("[method]container.name", |mut store, (container,): (Resource<Container>,)| {
        let folder = &store.data_mut().ctx().table.get(&container)?.0;
        Ok((Answer::Ok(folder.name().to_owned()),))
    })?;
    plain(types, "[method]container.info", async |folder: Arc<Folder>| {
        let created_at = seconds(folder.created().await?);
        Ok(ContainerMetadata { name: folder.name().to_owned(), created_at })
    })?;
    types.func_wrap_async(
        "[method]container.get-data",
        |mut store, (container, name, start, end): (Resource<Container>, String, u64, u64)| {
            Box::new(async move {
                let (folder, operation) = begin(store.as_context_mut(), &container)?;
                let opened = async {
                    let range = inclusive(start, end)?;
                    folder.get(ObjectName::parse(name)?, range).await
                };
                let object = match operation.wait(opened).await {
                    Ok(object) => object,
                    Err(error) => return Ok((Err(error.to_string()),)),
                };
                let length = object.length();
                let object = operation.hold(Arc::new(Mutex::new(object)));
                Ok((text(push(store.data_mut(), Incoming { object, length })?),))
            })
        },
    )?;
    types.func_wrap_async(
        "[method]container.write-data",
        |mut store, (container, name, value): (Resource<Container>, String, Resource<Outgoing>)| {
            Box::new(async move {
                let (folder, operation) = begin(store.as_context_mut(), &container)?;
                let outgoing = store.data_mut().ctx().table.get(&value)?;
                let Some(sink) = outgoing.sink.get() else { return Ok((Err(ended()),)) };
                let begun = async {
                    let mut sink = sink.lock().await;
                    if sink.put.is_some() {
                        return Err(Error::Other("the value is written to a container already".to_owned()));
                    }
                    sink.put = Some(folder.put(ObjectName::parse(name)?).await?);
                    Ok(())
                };
                Ok((text(operation.wait(begun).await),))
            })
        },
    )?;
    types.func_wrap(
        "[method]container.list-objects",
        |mut store, (container,): (Resource<Container>,)| {
            let folder = store.data_mut().ctx().table.get(&container)?.0.clone();
            let names = Names { folder, page: VecDeque::new(), after: None, is_last: false };
            Ok((text(push(store.data_mut(), names)?),))
        },
    )?;
    named(types, "[method]container.delete-object", async |folder: Arc<Folder>, name: String| {
        folder.delete(ObjectName::parse(name)?).await.map(drop)
    })?;
    named(types, "[method]container.delete-objects", async |folder: Arc<Folder>, names: Vec<String>| {
        for name in names {
            folder.delete(ObjectName::parse(name)?).await?;
        }
        Ok(())
    })?;
    named(types, "[method]container.has-object", async |folder: Arc<Folder>, name: String| {
        match folder.head(ObjectName::parse(name)?).await {
            Err(Error::NotFound) => Ok(false),
            found => found.map(|_| true),
        }
    })?;
    named(types, "[method]container.object-info", async |folder: Arc<Folder>, name: String| {
        let found = folder.head(ObjectName::parse(name.as_str())?).await?;
        let (container, created_at) = (folder.name().to_owned(), seconds(found.modified));
        Ok(ObjectMetadata { name, container, created_at, size: found.size })
    })?;
    plain(types, "[method]container.clear", async |folder: Arc<Folder>| folder.clear().await)?;
    types.func_wrap_async(
        "[method]stream-object-names.read-stream-object-names",
        |mut store, (names, count): (Resource<Names>, u64)| {
            Box::new(async move { Ok((text(next_names(store.as_context_mut(), &names, count).await?),)) })
        },
    )?;
    types.func_wrap_async(
        "[method]stream-object-names.skip-stream-object-names",
        |mut store, (names, count): (Resource<Names>, u64)| {
            Box::new(async move {
                let mut skipped = 0;
                loop {
                    match next_names(store.as_context_mut(), &names, count - skipped).await? {
                        Ok((some, is_end)) => {
                            skipped += some.len() as u64;
                            if is_end || skipped == count {
                                return Ok((Answer::Ok((skipped, is_end)),));
                            }
                        }
                        Err(error) => return Ok((Err(error.to_string()),)),
                    }
                }
            })
        },
    )
}

fn blobstore(functions: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    functions.func_wrap("create-container", |_, (_,): (String,)| {
        Ok((Answer::<Resource<Container>>::Err(FIXED.to_owned()),))
    })?;
    functions
        .func_wrap("delete-container", |_, (_,): (String,)| Ok((Answer::<()>::Err(FIXED.to_owned()),)))?;
    functions.func_wrap("get-container", |mut store, (name,): (String,)| {
        let Some(folder) = granted(store.data(), &name) else { return Ok((Err(not_granted(&name)),)) };
        Ok((text(push(store.data_mut(), Container(folder))?),))
    })?;
    functions.func_wrap("container-exists", |store, (name,): (String,)| {
        Ok((Answer::Ok(granted(store.data(), &name).is_some()),))
    })?;
    two_objects(functions, "copy-object", async |from: Arc<Folder>, source, to: Arc<Folder>, target| {
        from.copy(source, &to, target).await
    })?;
    two_objects(functions, "move-object", async |from: Arc<Folder>, source, to: Arc<Folder>, target| {
        from.rename(source, &to, target).await
    })
}

/// Links an operation of a container.
fn plain<T, F>(
    types: &mut LinkerInstance<'_, State>,
    name: &str,
    run: impl Fn(Arc<Folder>) -> F + Copy + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    T: ComponentType + Lower + Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    types.func_wrap_async(name, move |store, (container,): (Resource<Container>,)| {
        let begun = begin(store, &container);
        Box::new(async move {
            let (folder, operation) = begun?;
            Ok((text(operation.wait(run(folder)).await),))
        })
    })
}

/// Links an operation of a container with what names an object, or some.
fn named<N, T, F>(
    types: &mut LinkerInstance<'_, State>,
    name: &str,
    run: impl Fn(Arc<Folder>, N) -> F + Copy + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    N: ComponentType + Lift + Send + Sync + 'static,
    T: ComponentType + Lower + Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    types.func_wrap_async(name, move |store, (container, named): (Resource<Container>, N)| {
        let begun = begin(store, &container);
        Box::new(async move {
            let (folder, operation) = begun?;
            Ok((text(operation.wait(run(folder, named)).await),))
        })
    })
}

/// Links an operation of two objects, each with its container.
fn two_objects<F>(
    functions: &mut LinkerInstance<'_, State>,
    name: &str,
    run: impl Fn(Arc<Folder>, ObjectName, Arc<Folder>, ObjectName) -> F + Copy + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    functions.func_wrap_async(name, move |mut store, (from, to): (ObjectId, ObjectId)| {
        Box::new(async move {
            let operation = Operation::begin(store.as_context_mut())?;
            let both = object(store.data(), from).and_then(|from| Ok((from, object(store.data(), to)?)));
            Ok((match both {
                Ok(((from, source), (to, target))) => {
                    text(operation.wait(run(from, source, to, target)).await)
                }
                Err(error) => Err(error),
            },))
        })
    })
}

/// An object's folder and its name there.
fn object(state: &State, id: ObjectId) -> Answer<(Arc<Folder>, ObjectName)> {
    let folder = granted(state, &id.container).ok_or_else(|| not_granted(&id.container))?;
    Ok((folder, text(ObjectName::parse(id.object))?))
}

/// What an operation of a container begins with.
fn begin(
    mut store: StoreContextMut<'_, State>,
    container: &Resource<Container>,
) -> wasmtime::Result<(Arc<Folder>, Operation)> {
    let folder = store.data_mut().ctx().table.get(container)?.0.clone();
    Ok((folder, Operation::begin(store)?))
}

/// Some of the next names, `count` at most, and whether they are the last.
async fn next_names(
    mut store: StoreContextMut<'_, State>,
    names: &Resource<Names>,
    count: u64,
) -> wasmtime::Result<Result<(Vec<String>, bool), Error>> {
    let operation = Operation::begin(store.as_context_mut())?;
    loop {
        let names = store.data_mut().ctx().table.get_mut(names)?;
        if names.is_last || !names.page.is_empty() || count == 0 {
            let count = usize::try_from(count.min(NAMES)).unwrap_or(usize::MAX).min(names.page.len());
            let some = names.page.drain(..count).collect();
            return Ok(Ok((some, names.is_last && names.page.is_empty())));
        }
        let (folder, after) = (names.folder.clone(), names.after.clone());
        let page = match operation.wait(folder.list(String::new(), after)).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        names.is_last = !page.more;
        names.page = page.objects.into_iter().map(|(name, _)| name).collect();
        names.after = names.page.back().cloned();
    }
}

async fn whole(incoming: &Incoming) -> Result<Bytes, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = incoming.chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

/// The bytes from `start` to `end`, that one too.
fn inclusive(start: u64, end: u64) -> Result<Range, Error> {
    match end.checked_sub(start) {
        Some(before_last) => Ok(Range { offset: start, length: Some(before_last.saturating_add(1)) }),
        None => Err(Error::Invalid(format!("the range ends with byte {end}, before it begins with {start}"))),
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn text<T>(outcome: Result<T, Error>) -> Answer<T> {
    outcome.map_err(|error| error.to_string())
}

fn ended() -> String {
    "the value has ended with its call".to_owned()
}

fn not_granted(name: &str) -> String {
    format!("the container {name} is not granted")
}
