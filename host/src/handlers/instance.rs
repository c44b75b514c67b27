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
use wasmtime::{AsContextMut as _, Store, StoreContextMut, UpdateDeadline, WasmBacktrace};
use wasmtime_wasi::{I32Exit, WasiCtxBuilder};
use wasmtime_wasi_http::WasiHttpCtx;

use super::call::{self, Export};
use super::engine::Engine;
use super::error::{CallError, Frame};
use super::grants::logging::LogStream;
use super::grants::outbound::{Outbound, OutboundClient};
use super::handler::Handler;
use super::imports::kept;
use super::inbox::Inbox;
use super::job::Outcome;
use super::linking::Program;
use super::memory::{MemoryLimit, OverMemory};
use super::over::Reason;
use super::request_body::Inbound;
use super::state::{Kept, State, current_task};
use super::status::Status;
use super::turn::turn;

/// How long an instance that nobody uses any more may take to end by itself.
const GRACE: Duration = Duration::from_secs(1);
/// How often one that computes gets that much longer, since it hears late of who has left.
const LONGEST_GRACE: u32 = 10;

/// What a guest may hand over in one call of the host's, such as a list, in bytes.
const HANDED_BYTES: u64 = 64 << 20;

/// Makes a store and instantiates the handler in it.
pub(super) async fn start(
    handler: &Handler,
    engine: &Engine,
    client: &OutboundClient,
    status: Arc<Status>,
) -> wasmtime::Result<(Store<State>, Export)> {
    let mut store = Store::new(engine.wasm(), state(handler, engine, client, status.clone())?);
    store.limiter(|state| &mut state.memory);
    // What is handed over is with the host before it can be counted.
    store.set_hostcall_fuel(usize::try_from(handler.limits().memory_bytes.min(HANDED_BYTES))?);
    store.set_epoch_deadline(1);
    let limit = handler.limits().cpu_timeout;
    let mut starting = Duration::ZERO;
    store.epoch_deadline_callback(move |store| on_tick(store, limit, &mut starting));
    match in_guest(&status, instantiate(handler, &mut store)).await {
        Ok(export) => Ok((store, export)),
        Err(error) => Err(match store.data().memory.refused() {
            Some(refused) => error.context(refused),
            None => error,
        }),
    }
}

async fn instantiate(handler: &Handler, store: &mut Store<State>) -> wasmtime::Result<Export> {
    Ok(match handler.program() {
        Program::Own(pre, handle) => {
            let instance = pre.instantiate_async(&mut *store).await?;
            Export::Own(instance.get_typed_func(store, handle)?)
        }
        Program::Service(pre, handle) => {
            let instance = pre.instantiate_async(&mut *store).await?;
            Export::Service(instance.get_typed_func(store, handle)?)
        }
        Program::Proxy(pre) => Export::Proxy(pre.instantiate_async(store).await?),
    })
}

/// Lets the clock go on while `running` has a turn.
async fn in_guest<F: Future>(status: &Status, running: F) -> F::Output {
    let mut running = pin!(running);
    poll_fn(|cx| {
        status.enter();
        let outcome = running.as_mut().poll(cx);
        status.leave();
        outcome
    })
    .await
}

/// What a new store of the handler holds: what it was granted, and nothing else.
fn state(
    handler: &Handler,
    engine: &Engine,
    client: &OutboundClient,
    status: Arc<Status>,
) -> wasmtime::Result<State> {
    let grants = handler.grants();
    let stream = |name| LogStream::new(handler.shared_name(), name, grants.logging.clone());
    let mut wasi = WasiCtxBuilder::new();
    wasi.stdout(stream("stdout")).stderr(stream("stderr"));
    grants.environment.give(&mut wasi, engine.clock())?;
    let mut table = ResourceTable::new();
    table.set_max_capacity(handler.limits().handles as usize);
    Ok(State {
        wasi: wasi.build(),
        http: WasiHttpCtx::new(),
        table,
        outbound: Outbound::new(grants.outbound.clone(), client.clone(), grants.logging.clone()),
        memory: MemoryLimit::new(
            handler.limits().memory_bytes,
            handler.limits().total_memory_bytes,
            handler.counts().clone(),
            handler.tenant().clone(),
        ),
        calls: FxHashMap::default(),
        only_task: None,
        is_composed: handler.is_composed,
        interrupted: None,
        status,
        handler: handler.shared_name(),
        grants: grants.clone(),
        operations: 0,
        response_bodies: FxHashMap::default(),
        ended: Arc::default(),
        futures: Arc::new(()),
        most_futures: handler.limits().handles as usize,
        kept: Kept::new(kept::weigh),
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
    let streams = store.concurrent_resource_table().map_or(0, |table| table.iter_mut().count());
    store.data_mut().weigh(streams.saturating_mul(kept::ENTRY_BYTES))?;
    let task = current_task(&mut store)?;
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
    let alone = handler.is_composed.then_some(&*status);
    let outcome = {
        let running = store.run_concurrent(async |accessor| serve(accessor, &export, &inbox, alone).await);
        let mut running = pin!(running);
        let mut ended = pin!(ended(&status, &inbox));
        poll_fn(|cx| {
            // Outside the event loop, which cannot be reached while a guest computes.
            if ended.as_mut().poll(cx).is_ready() {
                return Poll::Ready(ControlFlow::Break(()));
            }
            status.begin_turn();
            status.enter();
            let outcome = running.as_mut().poll(cx).map(ControlFlow::Continue);
            status.leave();
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
/// been handed cannot be taken back. Where each is to be `alone`, nothing of the one before
/// goes on.
async fn serve(
    accessor: &Accessor<State>,
    export: &Export,
    inbox: &Inbox,
    alone: Option<&Status>,
) -> wasmtime::Result<()> {
    let mut calls = FuturesUnordered::new();
    let mut open = true;
    poll_fn(|cx| {
        let mut next = if open { inbox.poll_next(cx) } else { Poll::Pending };
        if let Poll::Ready(Some((job, running))) = next {
            calls.push(async move {
                let _running = running;
                call::run(accessor, export, job).await?;
                if let Some(status) = alone {
                    quiet(accessor, status).await;
                }
                Ok(())
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

/// Waits until nothing of a call goes on; where that takes long, no other is let in.
async fn quiet(accessor: &Accessor<State>, status: &Status) {
    let quiet = poll_fn(|cx| accessor.poll_no_interesting_tasks(cx));
    if tokio::time::timeout(GRACE, quiet).await.is_err() {
        status.close();
    }
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
    let culprit = current_task(&mut store.as_context_mut()).ok().flatten();
    let state = store.data_mut();
    let refused = state.memory.refused();
    let explain = || explain(handler, error, refused);
    let calls = std::mem::take(&mut state.calls);
    // What goes on without a call is nobody's.
    let known = culprit.is_none_or(|task| calls.contains_key(&task));
    if !known {
        explain().log(handler.name(), "-");
    }
    for (task, call) in calls {
        for name in call.tasks() {
            let (why, request_id) = (explain(), &*call.head.request_id);
            tracing::error!(
                handler = handler.name(),
                request_id,
                task = &*name,
                "ended with its instance: {why}"
            );
        }
        let answer = if culprit.is_none_or(|culprit| culprit == task) {
            // Its response may have begun, or nobody wait any more.
            if !call.answer(Outcome::Failed(explain()))
                && let Some(error) = call.head.late.tell(explain())
            {
                match call.head.over.reason() {
                    Some(Reason::Done) => {
                        error.log_after(handler.name(), &call.head.request_id);
                        handler.counts().count_after();
                    }
                    _ => error.log(handler.name(), &call.head.request_id),
                }
            }
            continue;
        } else if call.may_run_again(state) {
            Outcome::Again(Inbound::Empty)
        } else {
            Outcome::Failed(CallError::Neighbour)
        };
        let again = matches!(answer, Outcome::Again(_));
        if !call.answer(answer) {
            call.head.late.tell_of_neighbour(again);
        }
    }
}

/// `refused` is what the instance was refused of memory before.
fn explain(handler: &Handler, error: &wasmtime::Error, refused: Option<OverMemory>) -> CallError {
    if error.is::<CpuTimeout>() {
        return CallError::CpuTimeout(handler.limits().cpu_timeout);
    }
    if let Some(I32Exit(status)) = error.downcast_ref() {
        return CallError::Exited(*status);
    }
    let mut cause = error.root_cause().to_string();
    if let Some(refused) = refused.filter(|_| !error.is::<OverMemory>()) {
        cause = format!("{cause}; before that, {refused}");
    }
    CallError::Trapped { cause, trace: format!("{error:?}"), frames: frames(error) }
}

/// The functions that the guest was in, with those that the compiler has put into others.
fn frames(error: &wasmtime::Error) -> Vec<Frame> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let mut frames = Vec::new();
    for frame in trace.frames() {
        let last = frame.symbols().len().saturating_sub(1);
        for (index, symbol) in frame.symbols().iter().enumerate() {
            // What has no name of its own, such as the body of an `async fn`, is called by what it is in.
            let name = symbol.name().filter(|name| !name.starts_with('{'));
            let whole = frame.func_name().filter(|_| index == last);
            frames.push(Frame {
                function: named(name.or(whole).or(symbol.name())),
                file: symbol.file().map(str::to_owned),
                line: symbol.line(),
            });
        }
        if frame.symbols().is_empty() {
            frames.push(Frame { function: named(frame.func_name()), file: None, line: None });
        }
    }
    frames
}

/// A function's name as it is in its source, where that was Rust.
fn named(symbol: Option<&str>) -> String {
    symbol.map(|symbol| format!("{:#}", rustc_demangle::demangle(symbol))).unwrap_or_default()
}
