//! The CPU time of calls that compute for longer than a tick: slices between other work.
//!
//! A store whose guest a tick has interrupted goes on only when one task of its core
//! says so: one store at a time, and not before the core has nothing else to do, or
//! others have had [`SHARE`] times as long as the last slice took. So whoever else is on
//! the core waits for one slice, however many compute. A call that comes to a handler
//! that computes already begins with a slice, too, since it may be just such a call; it
//! takes turns with those that go on.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::ticks::Ticks;
use super::turn::turn;

/// How much longer than a slice others may take before the next.
const SHARE: u32 = 4;
/// Turns of the core that a call may need from its request to its answer: as many
/// without work in them mean that nobody waits.
const TURNS: u32 = 3;
/// A turn this short had no work in it.
const NO_WORK: Duration = Duration::from_micros(20);

/// The slices of a core.
#[derive(Debug)]
pub(super) struct Slices {
    queues: Mutex<Queues>,
    asked: Notify,
    ticks: Arc<Ticks>,
}

#[derive(Debug, Default)]
struct Queues {
    /// Calls that have not begun.
    begin: VecDeque<oneshot::Sender<()>>,
    /// Calls that were interrupted.
    go_on: VecDeque<oneshot::Sender<()>>,
    last_began: bool,
}

impl Queues {
    /// From either queue in turn.
    fn pop(&mut self) -> Option<oneshot::Sender<()>> {
        let begins = !self.begin.is_empty() && (!self.last_began || self.go_on.is_empty());
        let next = if begins { self.begin.pop_front() } else { self.go_on.pop_front() };
        self.last_began = begins;
        next
    }
}

impl Slices {
    pub(super) fn new(ticks: Arc<Ticks>) -> Self {
        Self { queues: Mutex::default(), asked: Notify::new(), ticks }
    }

    /// How often the epoch was raised.
    pub(super) fn ticks(&self) -> u64 {
        self.ticks.count()
    }

    /// Whether anybody waits for one.
    pub(super) fn are_wanted(&self) -> bool {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        !queues.begin.is_empty() || !queues.go_on.is_empty()
    }

    /// Waits for a slice to begin in.
    pub(super) async fn begin(&self) {
        self.wait(|queues| &mut queues.begin).await;
    }

    /// Waits for a slice to go on in.
    pub(super) async fn go_on(&self) {
        self.wait(|queues| &mut queues.go_on).await;
    }

    async fn wait(&self, queue: impl FnOnce(&mut Queues) -> &mut VecDeque<oneshot::Sender<()>>) {
        self.ticks.set_computing();
        let (sender, receiver) = oneshot::channel();
        queue(&mut self.queues.lock().unwrap_or_else(PoisonError::into_inner)).push_back(sender);
        self.asked.notify_one();
        receiver.await.ok();
    }

    /// Gives the slices out, on the thread of those who wait for them. Never returns.
    pub(super) async fn give_out(&self) -> Infallible {
        loop {
            let next = self.queues.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(next) = next else {
                self.asked.notified().await;
                continue;
            };
            let start = Instant::now();
            if next.send(()).is_err() {
                // Nobody waits any more.
                continue;
            }
            for _ in 0..TURNS {
                turn().await;
            }
            turn_of_others(start.elapsed()).await;
        }
    }
}

/// Lets the core do everything else, for long enough.
async fn turn_of_others(slice: Duration) {
    let start = Instant::now();
    let mut without_work = 0;
    while without_work < TURNS && start.elapsed() < slice * SHARE {
        let before = Instant::now();
        // tokio's own yield, so that the core looks for I/O.
        tokio::task::yield_now().await;
        without_work = if before.elapsed() < NO_WORK { without_work + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    fn spin(time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, test);
    }

    fn slices() -> Arc<Slices> {
        let slices = Arc::new(Slices::new(Arc::default()));
        let given = slices.clone();
        spawn_local(async move { given.give_out().await });
        slices
    }

    #[test]
    fn who_begins_and_who_goes_on_take_turns() {
        run(async {
            let slices = slices();
            let order = Rc::new(RefCell::new(String::new()));
            let mut tasks = Vec::new();
            for name in ['a', 'b', 'c', 'x', 'y', 'z'] {
                let (slices, order) = (slices.clone(), order.clone());
                tasks.push(spawn_local(async move {
                    match name {
                        'a'..='c' => slices.begin().await,
                        _ => slices.go_on().await,
                    }
                    order.borrow_mut().push(name);
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*order.borrow(), "axbycz");
        });
    }

    #[test]
    fn who_has_work_to_do_waits_for_one_slice_at_most() {
        const SLICE: Duration = Duration::from_millis(5);
        run(async {
            let slices = slices();
            for _ in 0..32 {
                let slices = slices.clone();
                spawn_local(async move {
                    loop {
                        slices.go_on().await;
                        spin(SLICE);
                    }
                });
            }
            let mut times = Vec::new();
            for _ in 0..21 {
                let start = Instant::now();
                // As a request that comes by I/O, and takes a few tasks to be answered.
                tokio::time::sleep(Duration::from_millis(1)).await;
                for _ in 0..TURNS {
                    turn().await;
                }
                times.push(start.elapsed());
            }
            times.sort();
            // Of all the others it would be 32.
            assert!(times[10] < 8 * SLICE, "{times:?}");
        });
    }

    #[test]
    fn who_gave_up_costs_no_slice() {
        run(async {
            let slices = slices();
            drop(tokio::time::timeout(Duration::ZERO, slices.go_on()).await);
            tokio::time::timeout(Duration::from_secs(5), slices.begin()).await.unwrap();
        });
    }
}
