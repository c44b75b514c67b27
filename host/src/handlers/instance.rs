//! A live store of a handler, in a task of its own on one core.
//!
//! The task owns the store and runs its event loop; calls come in through a
//! channel and are polled to their end there, since a call that was started cannot
//! be taken out of a live store. Who waits for an answer merely detaches: the
//! instance then takes no new calls and is dropped once nobody uses it any more.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::request::Parts;
use tokio::sync::{Notify, mpsc, oneshot};
use wasmtime::component::Accessor;
use wasmtime::{AsContextMut as _, Store, StoreContextMut, UpdateDeadline};

use super::call::{self, Export};
use super::engine::Engine;
use super::limits::thread_cpu_time;
use super::load::{Handler, Program};
use super::outbound::OutboundClient;
use super::request_body::Inbound;
use super::state::{CallRecord, State};
use super::{CallError, MatchedRoute};
use crate::body::Body;

/// How long an instance that nobody uses any more may take to end by itself.
const GRACE: Duration = Duration::from_secs(1);
/// How long an idle instance is kept.
const IDLE: Duration = Duration::from_secs(30);

/// A call as it goes to an instance.
pub(super) struct Job {
    pub(super) head: Arc<CallHead>,
    pub(super) body: Inbound,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What is known of a call when its head has arrived.
#[derive(Debug)]
pub(super) struct CallHead {
    pub(super) parts: Parts,
    pub(super) authority: String,
    pub(super) route: MatchedRoute,
    pub(super) request_id: String,
    pub(super) has_body: bool,
    /// Set when the guest has done with the call.
    pub(super) done: AtomicBool,
}

/// What becomes of a call.
pub(super) enum Answer {
    /// The head of the response, and its body as it comes.
    Response(http::Response<Body>),
    /// No response.
    Failed(CallError),
    /// The instance ended before the call was started, or without the call having
    /// had any effect: it may run in another.
    Again(Inbound),
}

/// What the pool and the instance's task know of each other.
#[derive(Debug)]
pub(super) struct Status {
    calls: AtomicU32,
    retiring: AtomicBool,
    busy: AtomicBool,
    abandoned: Mutex<Vec<Arc<CallHead>>>,
    changed: Notify,
    /// Counts the turns of the instance's task.
    turns: AtomicU64,
    /// The thread's CPU clock, in nanoseconds, when a call that was interrupted went
    /// on, and the turn in which that was. Valid in that turn only.
    resumed_at: AtomicU64,
    resumed_in: AtomicU64,
}

impl Status {
    pub(super) fn new() -> Self {
        Self {
            calls: AtomicU32::new(0),
            retiring: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            abandoned: Mutex::default(),
            changed: Notify::new(),
            turns: AtomicU64::new(0),
            resumed_at: AtomicU64::new(0),
            resumed_in: AtomicU64::new(u64::MAX),
        }
    }

    fn begin_turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.busy.store(false, Ordering::Relaxed);
    }

    /// Waits for another turn, in which the clock of the interrupted call starts anew.
    async fn resume_later(self: Arc<Self>) {
        // tokio's own yield, so that the core looks for I/O in between.
        tokio::task::yield_now().await;
        self.resumed_at.store(nanoseconds(thread_cpu_time()), Ordering::Relaxed);
        self.resumed_in.store(self.turns.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The CPU time since the interrupted call went on, if that was in this turn.
    fn since_resumed(&self) -> Duration {
        if self.resumed_in.load(Ordering::Relaxed) != self.turns.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        let now = nanoseconds(thread_cpu_time());
        Duration::from_nanos(now.saturating_sub(self.resumed_at.load(Ordering::Relaxed)))
    }

    /// Whether an abandoned call still runs, of those that were given up before.
    fn take_stuck(&self) -> bool {
        let abandoned = std::mem::take(&mut *lock(&self.abandoned));
        abandoned.iter().any(|call| !call.done.load(Ordering::Relaxed))
    }

    fn has_abandoned(&self) -> bool {
        !lock(&self.abandoned).is_empty()
    }

    /// Calls that somebody still waits for, or reads the response of.
    pub(super) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Whether it takes calls: it is not about to end, and no call in it computes
    /// for longer than a tick.
    pub(super) fn accepts(&self) -> bool {
        !self.is_retiring() && !self.busy.load(Ordering::Relaxed)
    }

    pub(super) fn is_retiring(&self) -> bool {
        self.retiring.load(Ordering::Relaxed)
    }

    /// No new calls from now on; the instance ends when its calls have.
    pub(super) fn retire(&self) {
        self.retiring.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A place in an instance: held until the response has ended.
#[derive(Debug)]
pub(super) struct Ticket {
    status: Arc<Status>,
    head: Arc<CallHead>,
    ended: bool,
}

impl Ticket {
    pub(super) fn new(status: &Arc<Status>, head: Arc<CallHead>) -> Self {
        status.calls.fetch_add(1, Ordering::Relaxed);
        Self { status: status.clone(), head, ended: false }
    }

    /// Notes that the call came to its end, so that the instance may go on.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.ended && !self.head.done.load(Ordering::Relaxed) {
            lock(&self.status.abandoned).push(self.head.clone());
        }
        self.status.calls.fetch_sub(1, Ordering::Relaxed);
        self.status.changed.notify_one();
    }
}

/// Makes a store and instantiates the handler in it.
pub(super) async fn start(
    handler: &Handler,
    engine: &Engine,
    client: &OutboundClient,
    status: Arc<Status>,
) -> wasmtime::Result<(Store<State>, Export)> {
    let mut store = Store::new(engine.wasm(), State::new(handler, client, status));
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
        Program::Service(pre) => Export::Service(pre.instantiate_async(&mut store).await?),
        Program::Proxy(pre) => Export::Proxy(pre.instantiate_async(&mut store).await?),
    };
    Ok((store, export))
}

/// Charges CPU time to the call on the stack, and lets other stores have a turn.
///
/// A call's first tick in a turn is free, since it may have begun just before: a
/// thousand short calls are never charged a tick.
fn on_tick(
    mut store: StoreContextMut<'_, State>,
    limit: Duration,
    starting: &mut Duration,
) -> wasmtime::Result<UpdateDeadline> {
    let task = store.async_call_stack()?.last();
    let state = store.data_mut();
    let status = &state.status;
    let went_on = std::mem::replace(&mut state.interrupted, task) == task;
    let used = if went_on { status.since_resumed() } else { Duration::ZERO };
    status.busy.store(true, Ordering::Relaxed);
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
    mut jobs: mpsc::UnboundedReceiver<Job>,
) {
    let (mut store, export) = match start(&handler, &engine, &client, status.clone()).await {
        Ok(started) => started,
        Err(error) => {
            status.retire();
            jobs.close();
            let reason = format!("{error:#}");
            while let Some(job) = jobs.recv().await {
                job.answer.send(Answer::Failed(CallError::NoInstance(reason.clone()))).ok();
            }
            return;
        }
    };
    let outcome = {
        let running = store.run_concurrent(async |accessor| serve(accessor, &export, &mut jobs).await);
        let mut running = pin!(running);
        let ended = pin!(ended(&handler, &status));
        let mut ended = ended;
        poll_fn(|cx| {
            // Outside the event loop, which cannot be reached while a guest computes.
            if ended.as_mut().poll(cx).is_ready() {
                return Poll::Ready(ControlFlow::Break(()));
            }
            status.begin_turn();
            running.as_mut().poll(cx).map(ControlFlow::Continue)
        })
        .await
    };
    status.retire();
    jobs.close();
    if let ControlFlow::Continue(Err(error) | Ok(Err(error))) = outcome {
        fail(&mut store, &handler, &error);
    }
    drop(store);
    while let Some(job) = jobs.recv().await {
        job.answer.send(Answer::Again(job.body)).ok();
    }
}

/// Takes calls and polls them to their end.
async fn serve(
    accessor: &Accessor<State>,
    export: &Export,
    jobs: &mut mpsc::UnboundedReceiver<Job>,
) -> wasmtime::Result<()> {
    let mut calls = FuturesUnordered::new();
    let mut open = true;
    poll_fn(|cx| {
        loop {
            while let Poll::Ready(Some(ended)) = calls.poll_next_unpin(cx) {
                if let Err(error) = ended {
                    return Poll::Ready(Err(error));
                }
            }
            if !open {
                break;
            }
            match jobs.poll_recv(cx) {
                Poll::Ready(Some(job)) => calls.push(call::run(accessor, export, job)),
                Poll::Ready(None) => open = false,
                Poll::Pending => break,
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
async fn ended(handler: &Handler, status: &Status) {
    let mut superseded = handler.watch_superseded();
    loop {
        if status.has_abandoned() {
            // A call whose client has gone away mostly ends by itself, when it finds its
            // streams closed. Where it does not, nobody else is let in.
            tokio::time::sleep(GRACE).await;
            if status.take_stuck() {
                status.retire();
            }
        } else if status.calls() > 0 {
            status.changed.notified().await;
        } else if status.is_retiring() || *superseded.borrow_and_update() {
            status.retire();
            // What the guest still does after its last response.
            tokio::time::sleep(GRACE).await;
            return;
        } else {
            tokio::select! {
                () = status.changed.notified() => {}
                _ = superseded.changed() => {}
                () = tokio::time::sleep(IDLE) => if status.calls() == 0 {
                    status.retire();
                    return;
                },
            }
        }
    }
}

/// Answers the calls of a store that trapped: the culprit has failed, and of the
/// others those that nobody can have noticed may run again elsewhere.
fn fail(store: &mut Store<State>, handler: &Handler, error: &wasmtime::Error) {
    let culprit = store.as_context_mut().async_call_stack().ok().and_then(Iterator::last);
    let state = store.data_mut();
    let calls = std::mem::take(&mut state.calls);
    let culprit = if calls.len() == 1 { calls.keys().next().copied() } else { culprit };
    let known = culprit.is_some_and(|task| calls.contains_key(&task));
    for (task, call) in calls {
        let answer = if Some(task) == culprit || !known {
            Answer::Failed(explain(handler, error))
        } else if call.may_run_again(state) {
            Answer::Again(Inbound::Empty)
        } else {
            Answer::Failed(CallError::Neighbour)
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

impl CallRecord {
    /// Forgets the call, and so the task id, when it is over.
    pub(super) fn forget(accessor: &Accessor<State>, task: wasmtime::component::GuestTaskId) {
        accessor.with(|mut access| access.get().calls.remove(&task));
    }
}
