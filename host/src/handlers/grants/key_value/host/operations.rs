//! What is the same in all interfaces: the parameters and results of each operation, and
//! how one is linked, held or awaited.

use bytes::Bytes;
use patchboard_key_value::Keys;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, LinkerInstance, Lower, Resource};

use super::bucket::{BucketHandle, GuestResult, Operation};
use crate::handlers::imports::awaited::{Interface, as_it_is};
use crate::handlers::imports::weight::Weight;
use crate::handlers::state::State;

/// `key-response`.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct KeyResponse {
    #[component(name = "keys")]
    keys: Vec<String>,
    #[component(name = "cursor")]
    cursor: Option<String>,
}

impl Weight for KeyResponse {
    fn weight(&self) -> usize {
        self.keys.weight() + self.cursor.weight()
    }
}

/// Parameters of an operation, of which the bucket is the first.
pub(super) trait Parameters: ComponentNamedList + Lift + Weight + Send + Sync + 'static {
    fn bucket(&self) -> &Resource<BucketHandle>;
}

impl<A: Lift + Weight + Send + Sync + 'static> Parameters for (Resource<BucketHandle>, A) {
    fn bucket(&self) -> &Resource<BucketHandle> {
        &self.0
    }
}

impl<A: Lift + Weight + Send + Sync + 'static, B: Lift + Weight + Send + Sync + 'static> Parameters
    for (Resource<BucketHandle>, A, B)
{
    fn bucket(&self) -> &Resource<BucketHandle> {
        &self.0
    }
}

impl<A, B, C> Parameters for (Resource<BucketHandle>, A, B, C)
where
    A: Lift + Weight + Send + Sync + 'static,
    B: Lift + Weight + Send + Sync + 'static,
    C: Lift + Weight + Send + Sync + 'static,
{
    fn bucket(&self) -> &Resource<BucketHandle> {
        &self.0
    }
}

/// Links an operation that holds its instance while it waits.
pub(super) fn held<P, F, T>(
    instance: &mut LinkerInstance<'_, State>,
    name: &str,
    operation: impl Fn(Operation, P) -> F + Copy + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    P: Parameters,
    F: Future<Output = T> + Send + 'static,
    T: ComponentType + Lower + Send + 'static,
{
    instance.func_wrap_async(name, move |store, parameters: P| {
        let handed = store.data().memory.hold(parameters.weight());
        let begun = Operation::begin(store, parameters.bucket());
        Box::new(async move {
            let _handed = handed?;
            Ok((operation(begun?, parameters).await,))
        })
    })
}

/// Links an operation that only its own call waits for.
pub(super) fn awaited<P, F, T>(
    interface: &mut Interface<'_>,
    name: &str,
    operation: impl Fn(Operation, P) -> F + Copy + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    P: Parameters,
    F: Future<Output = T> + Send + 'static,
    T: Lift + Lower + Weight + Send + Sync + 'static,
{
    let begin = move |store: StoreContextMut<'_, State>, parameters: P| {
        Ok(operation(Operation::begin(store, parameters.bucket())?, parameters))
    };
    interface.awaited(name, begin, as_it_is)
}

type Bucket = Resource<BucketHandle>;

pub(super) async fn get(operation: Operation, (_, key): (Bucket, String)) -> GuestResult<Option<Bytes>> {
    operation.wait(operation.bucket.get(key)).await
}

pub(super) async fn set(operation: Operation, (_, key, value): (Bucket, String, Bytes)) -> GuestResult<()> {
    operation.wait(operation.bucket.set(key, value)).await
}

pub(super) async fn delete(operation: Operation, (_, key): (Bucket, String)) -> GuestResult<()> {
    operation.wait(operation.bucket.delete(key)).await
}

pub(super) async fn exists(operation: Operation, (_, key): (Bucket, String)) -> GuestResult<bool> {
    operation.wait(operation.bucket.exists(key)).await
}

/// A cursor is the last key of the page before.
pub(super) async fn list_keys(
    operation: Operation,
    (_, cursor): (Bucket, Option<String>),
) -> GuestResult<KeyResponse> {
    let Keys { keys, more } = operation.wait(operation.bucket.keys(cursor)).await?;
    let cursor = keys.last().filter(|_| more).cloned();
    Ok(KeyResponse { keys, cursor })
}

pub(super) async fn increment(
    operation: Operation,
    (_, key, delta): (Bucket, String, i64),
) -> GuestResult<i64> {
    operation.wait(operation.bucket.increment(key, delta)).await
}

pub(super) async fn get_many(
    operation: Operation,
    (_, keys): (Bucket, Vec<String>),
) -> GuestResult<Vec<Option<(String, Bytes)>>> {
    let values = operation.wait(operation.bucket.get_many(keys.clone())).await?;
    Ok(keys.into_iter().zip(values).map(|(key, value)| Some((key, value?))).collect())
}

pub(super) async fn set_many(
    operation: Operation,
    (_, pairs): (Bucket, Vec<(String, Bytes)>),
) -> GuestResult<()> {
    let changes = pairs.into_iter().map(|(key, value)| (key, Some(value))).collect();
    operation.wait(operation.bucket.change(changes)).await
}

pub(super) async fn delete_many(operation: Operation, (_, keys): (Bucket, Vec<String>)) -> GuestResult<()> {
    let changes = keys.into_iter().map(|key| (key, None)).collect();
    operation.wait(operation.bucket.change(changes)).await
}
