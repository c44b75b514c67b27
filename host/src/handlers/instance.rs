//! A live store of a handler, in a task of its own on one core.
//!
//! The task owns the store and runs its event loop; calls come in through a
//! channel and are polled to their end there, since a call that was started cannot
//! be taken out of a live store. Who waits for an answer merely detaches: the
//! instance then takes no new calls and is dropped once nobody uses it any more.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rustc_hash::FxHashMap;
use wasmtime::component::{Accessor, ResourceTable};
use wasmtime::{AsContextMut as _, Store, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi_http::WasiHttpCtx;

use super::call::{self, Export};
use super::call_stack::outermost_task;
use super::engine::Engine;
use super::error::CallError;
use super::grants::logging::LogStream;
use super::grants::outbound::{Outbound, OutboundClient};
use super::handler::Handler;
use super::inbox::Inbox;
use super::job::Outcome;
use super::linking::Program;
use super::memory::MemoryLimit;
use super::request_body::Inbound;
use super::state::State;
use super::status::Status;
use super::turn::turn;

/// How long an instance that nobody uses any more may take to end by itself.
const GRACE: Duration = Duration::from_secs(1);
/// How often one that computes gets that much longer, since it hears late of who has left.
const LONGEST_GRACE: u32 = 10;

/// Makes a store and instantiates the handler in it.
pub(super) async fn start(
    handler: &Handler,
    engine: &Engine,
    client: &OutboundClient,
    status: Arc<Status>,
) -> wasmtime::Result<(Store<State>, Export)> {
    let mut store = Store::new(engine.wasm(), state(handler, client, status)?);
    store.limiter(|state| &mut state.memory);
    store.set_epoch_deadline(1);
    let limit = handler.limits().cpu_timeout;
    let mut starting = Duration::ZERO;
    store.epoch_deadline_callback(move |store| on_tick(store, limit, &mut starting));
    let export = match handler.program() {
        Program::Own(pre, handle) => {
            let instance = pre.instantiate_async(&mut store).await?;
            Export::Own(instance.get_typed_func(&mut store, handle)?)
        }
        Program::Service(pre, handle) => {
            let instance = pre.instantiate_async(&mut store).await?;
            Export::Service(instance.get_typed_func(&mut store, handle)?)
        }
        Program::Proxy(pre) => Export::Proxy(pre.instantiate_async(&mut store).await?),
    };
    Ok((store, export))
}

/// What a new store of the handler holds: what it was granted, and nothing else.
fn state(handler: &Handler, client: &OutboundClient, status: Arc<Status>) -> wasmtime::Result<State> {
    let grants = handler.grants();
    let stream = |name| LogStream::new(handler.shared_name(), name, grants.logging.clone());
    let mut wasi = WasiCtxBuilder::new();
    wasi.stdout(stream("stdout")).stderr(stream("stderr"));
    grants.environment.give(&mut wasi)?;
    let mut table = ResourceTable::new();
    table.set_max_capacity(handler.limits().handles as usize);
    Ok(State {
        wasi: wasi.build(),
        http: WasiHttpCtx::new(),
        table,
        outbound: Outbound::new(grants.outbound.clone(), client.clone()),
        memory: MemoryLimit::new(handler.limits().memory_bytes),
        calls: FxHashMap::default(),
        interrupted: None,
        status,
        handler: handler.shared_name(),
        grants: grants.clone(),
        operations: 0,
        response_bodies: FxHashMap::default(),
        ended: Arc::default(),
        futures: Arc::new(()),
        most_futures: handler.limits().handles as usize,
    })
}

/// Charges CPU time to the call on the stack, and lets other stores have a turn.
///
/// A tick may be of before the store's turn, and the next of when it had just begun. So
/// a turn goes on until the second tick in it; what was interrupted before, until the
/// first. And a call's first interruption is free: a thousand short calls are never
/// charged a tick.
fn on_tick(
    mut store: StoreContextMut<'_, State>,
    limit: Duration,
    starting: &mut Duration,
) -> wasmtime::Result<UpdateDeadline> {
    let task = outermost_task(&mut store)?;
    let state = store.data_mut();
    let status = &state.status;
    let went_on = state.interrupted == task && status.has_resumed();
    if status.ticks_in_turn() < if went_on { 1 } else { 2 } {
        return Ok(UpdateDeadline::Continue(1));
    }
    state.interrupted = task;
    let used = if went_on { status.since_resumed() } else { Duration::ZERO };
    status.set_busy();
    let used = match task.and_then(|task| state.calls.get(&task)) {
        Some(call) => call.charge(used),
        None => {
            *starting += used;
            *starting
        }
    };
    if used > limit {
        return Err(wasmtime::Error::new(CpuTimeout));
    }
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(status.clone().resume_later())))
}

#[derive(Debug, thiserror::Error)]
#[error("the call used more CPU time than limits.cpu_timeout")]
struct CpuTimeout;

/// The task of an instance: from its start to its end.
pub(super) async fn run(
    handler: Arc<Handler>,
    engine: Arc<Engine>,
    client: OutboundClient,
    status: Arc<Status>,
    inbox: Rc<Inbox>,
) {
    let (mut store, export) = match start(&handler, &engine, &client, status.clone()).await {
        Ok(started) => started,
        Err(error) => {
            status.retire();
            let reason = format!("{error:#}");
            for (job, _) in inbox.drain() {
                job.answer.send(Outcome::Failed(CallError::NoInstance(reason.clone()))).ok();
            }
            return;
        }
    };
    let outcome = {
        let running = store.run_concurrent(async |accessor| serve(accessor, &export, &inbox).await);
        let mut running = pin!(running);
        let mut ended = pin!(ended(&status, &inbox));
        poll_fn(|cx| {
            // Outside the event loop, which cannot be reached while a guest computes.
            if ended.as_mut().poll(cx).is_ready() {
                return Poll::Ready(ControlFlow::Break(()));
            }
            status.begin_turn();
            let outcome = running.as_mut().poll(cx).map(ControlFlow::Continue);
            if status.is_busy() {
                // A call computes: those behind it need not wait for its end.
                inbox.give_back();
            }
            outcome
        })
        .await
    };
    status.retire();
    inbox.close();
    store.data().ended.store(true, Ordering::Relaxed);
    if let ControlFlow::Continue(Err(error) | Ok(Err(error))) = outcome {
        fail(&mut store, &handler, &error);
    }
    drop(store);
    inbox.give_back();
}

/// Takes calls and polls them to their end.
///
/// One at a time is handed to wasmtime, which then runs it until it waits; what it has
/// been handed cannot be taken back.
async fn serve(accessor: &Accessor<State>, export: &Export, inbox: &Inbox) -> wasmtime::Result<()> {
    let mut calls = FuturesUnordered::new();
    let mut open = true;
    poll_fn(|cx| {
        let mut next = if open { inbox.poll_next(cx) } else { Poll::Pending };
        if let Poll::Ready(Some((job, running))) = next {
            calls.push(async move {
                let _running = running;
                call::run(accessor, export, job).await
            });
            next = Poll::Pending;
        }
        open &= next.is_pending();
        while let Poll::Ready(Some(ended)) = calls.poll_next_unpin(cx) {
            if let Err(error) = ended {
                return Poll::Ready(Err(error));
            }
        }
        if !open && calls.is_empty() && accessor.poll_no_interesting_tasks(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    })
    .await
}

/// Resolves when the instance is of no use any more.
async fn ended(status: &Status, inbox: &Inbox) {
    loop {
        let abandoned = status.take_abandoned();
        if !abandoned.is_empty() {
            // A call whose client has gone away mostly ends by itself, when it finds its
            // streams closed. Where it does not, nobody else is let in.
            for _ in 0..LONGEST_GRACE {
                let before = status.interruptions();
                tokio::time::sleep(GRACE).await;
                if status.interruptions() == before && !status.is_busy() {
                    break;
                }
            }
            if abandoned.iter().any(|call| call.is_at_work()) {
                status.retire();
            }
        } else if status.is_retiring() && status.calls() == 0 && status.tasks() == 0 {
            inbox.close();
            // Most guests have done with their last response; to set a timer for them
            // would wake the core's driver, at the price of a system call.
            turn().await;
            // What the others still do.
            tokio::time::sleep(GRACE).await;
            return;
        } else {
            status.changed().await;
        }
    }
}

/// Answers the calls of a store that trapped: the culprit has failed, and of the
/// others those that nobody can have noticed may run again elsewhere.
fn fail(store: &mut Store<State>, handler: &Handler, error: &wasmtime::Error) {
    let culprit = outermost_task(&mut store.as_context_mut()).ok().flatten();
    let state = store.data_mut();
    let calls = std::mem::take(&mut state.calls);
    // What goes on without a call is nobody's.
    let known = culprit.is_none_or(|task| calls.contains_key(&task));
    if !known {
        explain(handler, error).log(handler.name(), "-");
    }
    for (task, call) in calls {
        for name in call.tasks() {
            let (handler, request_id) = (handler.name(), &*call.head.request_id);
            tracing::error!(handler, request_id, task = &*name, "ended with its instance, which trapped");
        }
        let answer = if culprit.is_none_or(|culprit| culprit == task) {
            if !call.answer(Outcome::Failed(explain(handler, error))) {
                // Its response had begun, or nobody waits any more.
                explain(handler, error).log(handler.name(), &call.head.request_id);
            }
            continue;
        } else if call.may_run_again(state) {
            Outcome::Again(Inbound::Empty)
        } else {
            Outcome::Failed(CallError::Neighbour)
        };
        call.answer(answer);
    }
}

fn explain(handler: &Handler, error: &wasmtime::Error) -> CallError {
    if error.is::<CpuTimeout>() {
        return CallError::CpuTimeout(handler.limits().cpu_timeout);
    }
    CallError::Trapped { cause: error.root_cause().to_string(), trace: format!("{error:?}") }
}
