//! What a store holds: the guest's WASI context, its limits, and its calls.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::oneshot;
use tokio::time::Instant;
use wasmtime::StoreContextMut;
use wasmtime::component::{Accessor, GuestTaskId, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::body_end::BodyEnd;
use super::call_stack::outermost_task;
use super::error::CallError;
use super::grants::Grants;
use super::grants::held::{End, Held};
use super::grants::outbound::Outbound;
use super::job::{CallHead, Outcome};
use super::memory::{MemoryLimit, OverMemory};
use super::status::Status;

/// How long a guest may take to drop what it awaits for a call that nobody waits for.
const MOMENT: Duration = Duration::from_millis(100);
/// How many functions of WASI's may be called before it is looked at what they keep.
const LOOKS: u32 = 64;

/// The data of a store.
pub(super) struct State {
    pub(super) wasi: WasiCtx,
    pub(super) http: WasiHttpCtx,
    pub(super) table: ResourceTable,
    pub(super) outbound: Outbound,
    pub(super) memory: MemoryLimit,
    /// The calls whose guest task has started, by that task. Task ids are used
    /// again, so an entry goes with its call.
    pub(super) calls: FxHashMap<GuestTaskId, Arc<CallRecord>>,
    /// Where the component is composed of several: the task of the only call whose code can
    /// run now.
    pub(super) only_task: Option<GuestTaskId>,
    pub(super) is_composed: bool,
    /// The call that the last tick found on the stack.
    pub(super) interrupted: Option<GuestTaskId>,
    pub(super) status: Arc<Status>,
    /// Whose instance it is.
    pub(super) handler: Arc<str>,
    pub(super) grants: Arc<Grants>,
    /// Operations of key-value stores, databases and blob folders so far.
    pub(super) operations: u64,
    /// The bodies of responses by `wasi:http` 0.2 that a guest has and has not finished.
    pub(super) response_bodies: FxHashMap<u32, Arc<BodyEnd>>,
    /// Set when the store is about to end: its guests do nothing any more.
    pub(super) ended: Arc<AtomicBool>,
    /// Held by each future of the host's that the guest has not read, and how many there may
    /// be.
    pub(super) futures: Arc<()>,
    pub(super) most_futures: usize,
    /// What is in the table, and what wasmtime itself has of streams and tasks.
    pub(super) kept: Kept,
}

/// How it is known what the host keeps for the store in tables.
pub(super) struct Kept {
    /// The bytes in a table.
    weigh: fn(&mut ResourceTable) -> usize,
    looks: u32,
    streams: usize,
    is_over: bool,
}

impl Kept {
    pub(super) fn new(weigh: fn(&mut ResourceTable) -> usize) -> Self {
        Self { weigh, looks: 0, streams: 0, is_over: false }
    }
}

/// What is known of a call while it runs.
pub(super) struct CallRecord {
    pub(super) head: Arc<CallHead>,
    answer: Mutex<Option<oneshot::Sender<Outcome>>>,
    cpu_nanoseconds: AtomicU64,
    effects_before: u64,
    /// What ends with the call.
    held: Mutex<Vec<Weak<dyn End>>>,
    /// What it goes on to do; none that does nothing.
    after: OnceLock<After>,
    /// Set when that is all that is left of it, and when nothing is.
    is_answered: AtomicBool,
    has_ended: AtomicBool,
}

/// What a call goes on to do, by name.
#[derive(Default)]
struct After {
    tasks: Mutex<Vec<Arc<str>>>,
    since: OnceLock<Instant>,
}

impl After {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<str>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallRecord {
    /// For the call's task, and for the store's list under that task.
    pub(super) fn share(head: Arc<CallHead>, answer: oneshot::Sender<Outcome>, state: &State) -> Arc<Self> {
        Arc::new(Self {
            head,
            answer: Mutex::new(Some(answer)),
            cpu_nanoseconds: AtomicU64::new(0),
            effects_before: state.effects(),
            held: Mutex::default(),
            after: OnceLock::new(),
            is_answered: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        })
    }

    /// Ends `held` with the call; at once where that is over.
    pub(super) fn hold<T: Clone + Send + 'static>(&self, held: &Held<T>) {
        self.end_with(held.downgrade());
    }

    pub(super) fn end_with(&self, held: Weak<dyn End>) {
        if self.has_ended.load(Ordering::Relaxed) {
            held.upgrade().iter().for_each(|held| held.end());
            return;
        }
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.strong_count() > 0);
        all.push(held);
    }

    /// Forgets the call when it is over and has nothing more to do.
    pub(super) fn forget(self: &Arc<Self>, accessor: &Accessor<State>, task: GuestTaskId) {
        self.is_answered.store(true, Ordering::Relaxed);
        if self.has_tasks() {
            return;
        }
        accessor.with(|mut access| {
            let calls = &mut access.get().calls;
            // The guest's task may have ended before, and another call's have its id by now.
            if calls.get(&task).is_some_and(|call| Arc::ptr_eq(call, self)) {
                calls.remove(&task);
            }
        });
        self.end();
    }

    /// It goes on to do something, for which it is known until that ends.
    pub(super) fn begin_task(&self, name: Arc<str>) {
        self.after.get_or_init(After::default).lock().push(name);
    }

    /// What it goes on to do, by name.
    pub(super) fn tasks(&self) -> Vec<Arc<str>> {
        self.after.get().map(|after| after.lock().clone()).unwrap_or_default()
    }

    fn has_tasks(&self) -> bool {
        self.after.get().is_some_and(|after| !after.lock().is_empty())
    }

    /// Since when its response is complete, as far as its tasks have asked.
    pub(super) fn over_since(&self) -> Instant {
        *self.after.get_or_init(After::default).since.get_or_init(Instant::now)
    }

    /// Waits until nobody waits for it before it was done, and it has nothing to go on with;
    /// and then a moment, in which a guest that asks hears of it first, and drops what it
    /// awaits, instead of an error that it would log.
    pub(super) async fn given_up(&self) {
        self.head.over.given_up().await;
        if self.has_tasks() {
            std::future::pending().await
        }
        tokio::time::sleep(MOMENT).await;
    }

    /// Ends what the call holds; to be told when it is over.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        held.iter().filter_map(Weak::upgrade).for_each(|held| held.end());
    }

    /// Answers the call, if nobody has yet; whether somebody waited for it.
    pub(super) fn answer(&self, answer: Outcome) -> bool {
        self.take().is_some_and(|sender| sender.send(answer).is_ok())
    }

    /// It has failed before the guest was entered: that is never the guest's trap.
    pub(super) fn not_entered(&self, error: &wasmtime::Error) {
        self.answer(Outcome::Failed(CallError::NotEntered(format!("{error:#}"))));
    }

    pub(super) fn take(&self) -> Option<oneshot::Sender<Outcome>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Adds to the CPU time of the call; gives the sum.
    pub(super) fn charge(&self, time: Duration) -> Duration {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let before = self.cpu_nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        Duration::from_nanos(before.saturating_add(nanoseconds))
    }

    /// Whether running the call again cannot be noticed: it is safe, has no body,
    /// nothing was sent, and since it began the instance has done nothing outside itself.
    pub(super) fn may_run_again(&self, state: &State) -> bool {
        self.head.parts.method.is_safe() && !self.head.has_body && self.effects_before == state.effects()
    }
}

impl State {
    /// The guest's `task` answers `call`.
    pub(super) fn begin(&mut self, task: GuestTaskId, call: &Arc<CallRecord>) {
        self.calls.insert(task, call.clone());
        self.only_task = Some(task);
    }

    /// Notes that a function of WASI's is called, which may keep something.
    fn look(&mut self) {
        self.kept.looks = self.kept.looks.wrapping_add(1);
        if self.kept.looks.is_multiple_of(LOOKS) {
            // Where it is too much, the next tick ends the store.
            self.weigh(self.kept.streams).ok();
        }
    }

    /// Counts what is kept in tables, of which `streams` bytes are wasmtime's own.
    pub(super) fn weigh(&mut self, streams: usize) -> Result<(), OverMemory> {
        self.kept.streams = streams;
        let kept = (self.kept.weigh)(&mut self.table).saturating_add(streams);
        let outcome = self.memory.keep(kept);
        if outcome.is_err() != self.kept.is_over {
            self.kept.is_over = outcome.is_err();
            // Until then nothing more is kept.
            self.table.set_max_capacity(if self.kept.is_over { 0 } else { self.most_futures });
        }
        outcome
    }

    /// To be told of each operation that others may notice, or that may give another
    /// answer the next time: of a key-value store, of a database, of a blob folder.
    pub(super) fn note_operation(&mut self) {
        self.operations += 1;
    }

    /// The task `name` of `call`'s has ended.
    pub(super) fn end_task(&mut self, call: &Arc<CallRecord>, name: &str) {
        let was_last = call.after.get().is_some_and(|after| {
            let mut tasks = after.lock();
            let at = tasks.iter().position(|task| **task == *name);
            at.is_some_and(|at| {
                tasks.swap_remove(at);
                tasks.is_empty()
            })
        });
        if was_last && call.is_answered.load(Ordering::Relaxed) {
            self.calls.retain(|_, other| !Arc::ptr_eq(other, call));
            call.end();
        }
    }

    /// How often the instance has reached outside itself.
    fn effects(&self) -> u64 {
        self.operations + self.outbound.requests()
    }
}

/// The task of the call for which the guest runs now, or ran when the store trapped.
pub(super) fn current_task(store: &mut StoreContextMut<'_, State>) -> wasmtime::Result<Option<GuestTaskId>> {
    let state = store.data();
    match state.is_composed {
        // What the task on the stack was called by may have ended, and its id be another's.
        true => Ok(state.only_task),
        false => outermost_task(store),
    }
}

/// The call that the guest's task answers; to be asked at an import's entry.
pub(super) fn current_call(store: StoreContextMut<'_, State>) -> wasmtime::Result<Option<Arc<CallHead>>> {
    Ok(current_record(store)?.map(|call| call.head.clone()))
}

/// Likewise, with all that is known of it.
pub(super) fn current_record(
    mut store: StoreContextMut<'_, State>,
) -> wasmtime::Result<Option<Arc<CallRecord>>> {
    let task = current_task(&mut store)?;
    Ok(task.and_then(|task| store.data().calls.get(&task).cloned()))
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.look();
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.look();
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outbound }
    }
}
