//! When requests of an open loop are due: at a fixed rate from the beginning on, however
//! slow the answers are. A request that finds no free worker stays due, and its latency
//! counts from then.
//!
//! Workers that are free wait here in the order of their turns. One timer of the kernel
//! wakes them, since tokio's timers count milliseconds, and latencies are shorter.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use super::shared::{Readiness, Shared, Turn};
use crate::plan::{Plan, Shape};

#[derive(Debug)]
pub(super) struct Pacer {
    /// A second by the rate.
    interval: f64,
    /// The next request of this thread, of all threads' requests.
    next: Cell<u64>,
    stride: u64,
    waiting: RefCell<VecDeque<Waiting>>,
    first_came: Notify,
}

#[derive(Debug)]
struct Waiting {
    due: Instant,
    wake: Rc<Notify>,
}

impl Pacer {
    /// Of one of several threads, which take turns.
    pub(super) fn new(plan: &Plan, thread: u64) -> Self {
        let interval = match plan.shape {
            Shape::Open { rate } => 1.0 / rate,
            Shape::Closed | Shape::Rounds { .. } => 0.0,
        };
        Self {
            interval,
            next: Cell::new(thread),
            stride: u64::from(plan.threads),
            waiting: RefCell::default(),
            first_came: Notify::new(),
        }
    }

    /// The next request, once it is due.
    pub(super) async fn next(&self, shared: &Shared) -> Option<Turn> {
        let number = self.next.replace(self.next.get() + self.stride);
        let due = shared.begin() + Duration::from_secs_f64(self.interval * number as f64);
        let turn = shared.turn(due)?;
        let now = Instant::now();
        if due <= now {
            return Some(Turn { taken: Some((now, Readiness::Busy)), ..turn });
        }
        let wake = Rc::new(Notify::new());
        let is_first = self.waiting.borrow().is_empty();
        self.waiting.borrow_mut().push_back(Waiting { due, wake: Rc::clone(&wake) });
        if is_first {
            self.first_came.notify_one();
        }
        wake.notified().await;
        if shared.is_stopped() {
            shared.give_back(turn);
            return None;
        }
        Some(Turn { taken: Some((Instant::now(), Readiness::Waited)), ..turn })
    }

    /// Wakes whoever's request is due, for ever.
    pub(super) async fn drive(&self) -> io::Result<()> {
        // Nobody comes unless the loop is open.
        self.first_came.notified().await;
        let timer = Timer::new()?;
        loop {
            let Some(due) = self.waiting.borrow().front().map(|first| first.due) else {
                self.first_came.notified().await;
                continue;
            };
            let now = Instant::now();
            if due > now {
                timer.wait(due - now).await?;
            }
            let now = Instant::now();
            let mut waiting = self.waiting.borrow_mut();
            while waiting.front().is_some_and(|first| first.due <= now)
                && let Some(first) = waiting.pop_front()
            {
                first.wake.notify_one();
            }
        }
    }

    /// Wakes everybody, since it is over.
    pub(super) fn close(&self) {
        for waiting in self.waiting.borrow_mut().drain(..) {
            waiting.wake.notify_one();
        }
    }
}

/// A timer of the kernel.
struct Timer {
    fd: AsyncFd<OwnedFd>,
}

impl Timer {
    fn new() -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        #[expect(
            deprecated,
            reason = "what took its place is unsafe, for types whose descriptor may change; an OwnedFd's cannot"
        )]
        let fd = AsyncFd::with_interest(fd, Interest::READABLE)?;
        Ok(Self { fd })
    }

    async fn wait(&self, time: Duration) -> io::Result<()> {
        let spec = |time: Duration| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        let once = Itimerspec { it_interval: spec(Duration::ZERO), it_value: spec(time) };
        // Setting it anew also takes back that it went off before.
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &once)?;
        self.fd.readable().await?.clear_ready();
        Ok(())
    }
}
