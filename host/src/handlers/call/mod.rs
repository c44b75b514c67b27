//! One call in an instance, from its parameters to its response: a file per kind.

mod own;
mod own_request;
mod proxy;
mod service;
mod standard;

use std::sync::atomic::Ordering;

use wasmtime::component::Accessor;
use wasmtime_wasi_http::p2::bindings::Proxy;

use super::job::Job;
use super::request_body::{Inbound, Kept};
use super::state::State;

/// What an instance is called through.
pub(super) enum Export {
    Own(own::Handle),
    Service(service::Handle),
    Proxy(Proxy),
}

/// Runs one call to its end. An error is a trap: it is the store's end.
pub(super) async fn run(accessor: &Accessor<State>, export: &Export, job: Job) -> wasmtime::Result<()> {
    let head = job.head.clone();
    head.begun.store(true, Ordering::Relaxed);
    if let Inbound::Streaming(body) = &job.body {
        let (head, rest) = (head.clone(), body.rest());
        tokio::spawn(async move {
            head.over.told().await;
            Kept::give_back(rest).await;
        });
    }
    let outcome = match export {
        Export::Own(handle) => own::run(accessor, *handle, job).await,
        Export::Service(handle) => service::run(accessor, *handle, job).await,
        Export::Proxy(proxy) => proxy::run(accessor, proxy, job).await,
    };
    head.done.store(true, Ordering::Relaxed);
    outcome
}
