//! What the pool and an instance's task know of each other.
//!
//! Both are on one thread, but a store's callbacks must be `Send`, so the fields are
//! atomics; nothing here is contended.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::cpu_clock::thread_cpu_time;
use super::job::CallHead;
use super::over::{Over, Reason};
use super::slices::Slices;
use super::tenant::Tenant;

/// The state of one instance.
#[derive(Debug)]
pub(super) struct Status {
    calls: AtomicU32,
    /// Calls that the guest has not done with, whether or not anybody waits.
    running: AtomicU32,
    /// What calls go on to do, within its time.
    tasks: AtomicU32,
    retiring: AtomicBool,
    busy: AtomicBool,
    /// A call was interrupted, and has not gone on yet.
    interrupted: AtomicBool,
    /// How often that was.
    interruptions: AtomicU64,
    abandoned: Mutex<Vec<Arc<CallHead>>>,
    changed: Notify,
    /// Told when it is to take no more calls, and when its server ends.
    draining: Over,
    stopped: Over,
    /// Told whenever an instance of the core may take a call again.
    freed: Arc<Notify>,
    /// Counts the turns of the instance's task.
    turns: AtomicU64,
    /// The tick in which the last of them began.
    turn_began: AtomicU64,
    /// The thread's CPU clock, in nanoseconds, when a call that was interrupted went
    /// on, and the turn in which that was. Valid in that turn only.
    resumed_at: AtomicU64,
    resumed_in: AtomicU64,
    slices: Arc<Slices>,
    tenant: Arc<Tenant>,
}

impl Status {
    pub(super) fn new(slices: Arc<Slices>, tenant: Arc<Tenant>, freed: Arc<Notify>) -> Self {
        Self {
            calls: AtomicU32::new(0),
            running: AtomicU32::new(0),
            tasks: AtomicU32::new(0),
            retiring: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            interrupted: AtomicBool::new(false),
            interruptions: AtomicU64::new(0),
            abandoned: Mutex::default(),
            changed: Notify::new(),
            draining: Over::default(),
            stopped: Over::default(),
            freed,
            turns: AtomicU64::new(0),
            turn_began: AtomicU64::new(slices.ticks()),
            resumed_at: AtomicU64::new(0),
            resumed_in: AtomicU64::new(u64::MAX),
            slices,
            tenant,
        }
    }

    pub(super) fn begin_turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.turn_began.store(self.slices.ticks(), Ordering::Relaxed);
        self.busy.store(false, Ordering::Relaxed);
    }

    /// The core enters the guest.
    pub(super) fn enter(&self) {
        self.slices.enter();
    }

    /// It has left it.
    pub(super) fn leave(&self) {
        self.slices.leave();
    }

    /// Ticks since this turn began.
    pub(super) fn ticks_in_turn(&self) -> u64 {
        self.slices.ticks().saturating_sub(self.turn_began.load(Ordering::Relaxed))
    }

    /// Waits for a slice, in which the clock of the interrupted call starts anew.
    pub(super) async fn resume_later(self: Arc<Self>) {
        self.slices.go_on(&self.tenant).await;
        self.interrupted.store(false, Ordering::Relaxed);
        self.resumed_at.store(nanoseconds(thread_cpu_time()), Ordering::Relaxed);
        self.resumed_in.store(self.turns.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether the interrupted call went on in this turn.
    pub(super) fn has_resumed(&self) -> bool {
        self.resumed_in.load(Ordering::Relaxed) == self.turns.load(Ordering::Relaxed)
    }

    /// The CPU time since it did.
    pub(super) fn since_resumed(&self) -> Duration {
        let now = nanoseconds(thread_cpu_time());
        Duration::from_nanos(now.saturating_sub(self.resumed_at.load(Ordering::Relaxed)))
    }

    /// The calls that were given up since this was last asked.
    pub(super) fn take_abandoned(&self) -> Vec<Arc<CallHead>> {
        std::mem::take(&mut *lock(&self.abandoned))
    }

    /// Calls that somebody still waits for, or reads the response of.
    pub(super) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Calls that the guest has not done with; also those that nobody waits for.
    pub(super) fn running(&self) -> u32 {
        self.running.load(Ordering::Relaxed)
    }

    /// Whether it takes calls: it is not about to end, and no call in it computes
    /// for longer than a tick.
    pub(super) fn accepts(&self) -> bool {
        !self.is_retiring() && !self.is_busy()
    }

    /// Whether a call computes for longer than a tick.
    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) || self.interrupted.load(Ordering::Relaxed)
    }

    /// How often a call was interrupted: who computes hears late of anything else.
    pub(super) fn interruptions(&self) -> u64 {
        self.interruptions.load(Ordering::Relaxed)
    }

    /// A tick found a call computing.
    pub(super) fn set_busy(&self) {
        self.interruptions.fetch_add(1, Ordering::Relaxed);
        self.busy.store(true, Ordering::Relaxed);
        self.interrupted.store(true, Ordering::Relaxed);
    }

    /// Waits until a call has been abandoned, or the instance is to retire, or its last
    /// call has ended since.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(super) fn is_retiring(&self) -> bool {
        self.retiring.load(Ordering::Relaxed)
    }

    /// No new calls from now on; the instance ends when its calls have.
    pub(super) fn retire(&self) {
        self.drain();
        self.close();
    }

    /// Likewise, but those that it has may take the time they need.
    pub(super) fn close(&self) {
        self.retiring.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Lets calls know that what has no end of its own should come to one.
    pub(super) fn drain(&self) {
        self.draining.tell(Reason::ShuttingDown);
    }

    /// Waits until then.
    pub(super) async fn draining(&self) {
        self.draining.told().await;
    }

    /// Lets calls know that the server ends.
    pub(super) fn stop(&self) {
        self.drain();
        self.stopped.tell(Reason::ShuttingDown);
    }

    /// Waits until then.
    pub(super) async fn stopped(&self) {
        self.stopped.told().await;
    }

    /// A call goes on to do something.
    pub(super) fn begin_task(&self) {
        self.tasks.fetch_add(1, Ordering::Relaxed);
    }

    /// It is done, or its time is over.
    pub(super) fn end_task(&self) {
        self.tasks.fetch_sub(1, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// What calls go on to do.
    pub(super) fn tasks(&self) -> u32 {
        self.tasks.load(Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A call in an instance, from when it is given to it until the guest has done with it.
#[derive(Debug)]
pub(super) struct Running(Arc<Status>);

impl Running {
    pub(super) fn new(status: &Arc<Status>) -> Self {
        status.running.fetch_add(1, Ordering::Relaxed);
        Self(status.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
        self.0.freed.notify_waiters();
    }
}

/// A place in an instance: held until the response has ended.
#[derive(Debug)]
pub(super) struct Ticket {
    status: Arc<Status>,
    head: Arc<CallHead>,
    ended: bool,
    moves: bool,
}

impl Ticket {
    pub(super) fn new(status: &Arc<Status>, head: Arc<CallHead>) -> Self {
        status.calls.fetch_add(1, Ordering::Relaxed);
        Self { status: status.clone(), head, ended: false, moves: false }
    }

    /// Notes that the call came to its end, so that the instance may go on.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Notes that the call goes to another instance, so that it is not over.
    pub(super) fn move_on(mut self) {
        (self.ended, self.moves) = (true, true);
    }

    /// Notes that it took longer than it may.
    pub(super) fn time_out(&self) {
        self.head.over.tell(Reason::TimedOut);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let abandoned = !self.ended && !self.head.done.load(Ordering::Relaxed);
        if !self.moves {
            self.head.over.tell(if abandoned { Reason::ClientLeft } else { Reason::Done });
        }
        if abandoned {
            lock(&self.status.abandoned).push(self.head.clone());
        }
        let last = self.status.calls.fetch_sub(1, Ordering::Relaxed) == 1;
        self.status.freed.notify_waiters();
        if abandoned || (last && self.status.is_retiring()) {
            self.status.changed.notify_one();
        }
    }
}
