//! The CPU time of calls that compute for longer than a tick: slices between other work.
//!
//! A store whose guest a tick has interrupted goes on only when one task of its core
//! says so: one store at a time, and not before the core has nothing else to do, or
//! others have had [`SHARE`] times as long as the last slice took. So whoever else is on
//! the core waits for one slice, however many compute. A call that comes to a handler
//! that computes already begins with a slice, too, since it may be just such a call; it
//! takes turns with those that go on.
//!
//! Tenants have slices by their weights, whatever the number of their calls; a handler that
//! is of none is one by itself.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::cpu_clock::thread_cpu_time;
use super::tenant::Tenant;
use super::ticks::{InGuest, Ticks};
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
    in_guest: Arc<InGuest>,
}

/// Who waits, by tenant; who has had the least for its weight is next (start-time fair
/// queueing: Goyal, Vin and Cheng, 1996).
#[derive(Debug, Default)]
struct Queues {
    tenants: Vec<Queue>,
    /// How much a weight of one has had, in nanoseconds, as of the slice that was last
    /// given out. Who was away has no claim on what was before.
    now: u64,
}

/// The calls of a tenant that wait.
#[derive(Debug)]
struct Queue {
    tenant: Arc<Tenant>,
    /// What it has had for its weight.
    had: u64,
    /// Calls that have not begun.
    begin: VecDeque<oneshot::Sender<()>>,
    /// Calls that were interrupted.
    go_on: VecDeque<oneshot::Sender<()>>,
    last_began: bool,
}

/// What a call waits for.
#[derive(Debug, Clone, Copy)]
enum Slice {
    Begin,
    GoOn,
}

impl Queues {
    fn of(&mut self, tenant: &Arc<Tenant>) -> &mut Queue {
        let place = self.tenants.iter().position(|queue| Arc::ptr_eq(&queue.tenant, tenant));
        let place = place.unwrap_or_else(|| {
            self.tenants.push(Queue::new(tenant.clone()));
            self.tenants.len() - 1
        });
        &mut self.tenants[place]
    }

    fn push(&mut self, tenant: &Arc<Tenant>, slice: Slice, waiting: oneshot::Sender<()>) {
        if self.tenants.iter().all(Queue::is_empty) {
            // Nobody was kept waiting by what the others have had.
            self.now = self.tenants.iter().map(|queue| queue.had).fold(self.now, u64::max);
        }
        let now = self.now;
        let queue = self.of(tenant);
        if queue.is_empty() {
            queue.had = queue.had.max(now);
        }
        match slice {
            Slice::Begin => queue.begin.push_back(waiting),
            Slice::GoOn => queue.go_on.push_back(waiting),
        }
    }

    fn pop(&mut self) -> Option<(Arc<Tenant>, oneshot::Sender<()>)> {
        // Only what somebody has had too much of is worth remembering.
        self.tenants.retain(|queue| !queue.is_empty() || queue.had > self.now);
        let waiting = self.tenants.iter_mut().filter(|queue| !queue.is_empty());
        let next = waiting.min_by_key(|queue| queue.had)?;
        self.now = next.had;
        Some((next.tenant.clone(), next.pop()?))
    }

    /// Notes what a tenant has had.
    fn charge(&mut self, tenant: &Arc<Tenant>, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let queue = self.of(tenant);
        queue.had = queue.had.saturating_add(nanoseconds / u64::from(tenant.cpu_share.max(1)));
    }
}

impl Queue {
    fn new(tenant: Arc<Tenant>) -> Self {
        Self { tenant, had: 0, begin: VecDeque::new(), go_on: VecDeque::new(), last_began: false }
    }

    fn is_empty(&self) -> bool {
        self.begin.is_empty() && self.go_on.is_empty()
    }

    /// From those who begin and those who go on in turn.
    fn pop(&mut self) -> Option<oneshot::Sender<()>> {
        let begins = !self.begin.is_empty() && (!self.last_began || self.go_on.is_empty());
        let next = if begins { self.begin.pop_front() } else { self.go_on.pop_front() };
        self.last_began = begins;
        next
    }
}

impl Slices {
    pub(super) fn new(ticks: Arc<Ticks>) -> Self {
        Self { queues: Mutex::default(), asked: Notify::new(), in_guest: ticks.core(), ticks }
    }

    /// How often the epoch was raised.
    pub(super) fn ticks(&self) -> u64 {
        self.ticks.count()
    }

    /// The core enters a guest.
    pub(super) fn enter(&self) {
        self.ticks.enter(&self.in_guest);
    }

    /// It has left it.
    pub(super) fn leave(&self) {
        self.ticks.leave(&self.in_guest);
    }

    /// Whether anybody waits for one.
    pub(super) fn are_wanted(&self) -> bool {
        !self.queues().tenants.iter().all(Queue::is_empty)
    }

    /// Waits for a slice of the tenant's to begin in.
    pub(super) async fn begin(&self, tenant: &Arc<Tenant>) {
        self.wait(tenant, Slice::Begin).await;
    }

    /// Waits for a slice of the tenant's to go on in.
    pub(super) async fn go_on(&self, tenant: &Arc<Tenant>) {
        self.wait(tenant, Slice::GoOn).await;
    }

    async fn wait(&self, tenant: &Arc<Tenant>, slice: Slice) {
        self.ticks.set_computing();
        let (sender, receiver) = oneshot::channel();
        self.queues().push(tenant, slice, sender);
        self.asked.notify_one();
        receiver.await.ok();
    }

    /// Gives the slices out, on the thread of those who wait for them. Never returns.
    pub(super) async fn give_out(&self) -> Infallible {
        loop {
            let next = self.queues().pop();
            let Some((tenant, next)) = next else {
                self.asked.notified().await;
                continue;
            };
            let (start, cpu) = (Instant::now(), thread_cpu_time());
            if next.send(()).is_err() {
                // Nobody waits any more.
                continue;
            }
            for _ in 0..TURNS {
                turn().await;
            }
            self.queues().charge(&tenant, thread_cpu_time().saturating_sub(cpu));
            turn_of_others(start.elapsed()).await;
        }
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
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
    use crate::config::TenantConfig;
    use crate::handlers::tenant::Tenants;

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
            let (slices, tenant) = (slices(), Tenant::none());
            let order = Rc::new(RefCell::new(String::new()));
            let mut tasks = Vec::new();
            for name in ['a', 'b', 'c', 'x', 'y', 'z'] {
                let (slices, order, tenant) = (slices.clone(), order.clone(), tenant.clone());
                tasks.push(spawn_local(async move {
                    match name {
                        'a'..='c' => slices.begin(&tenant).await,
                        _ => slices.go_on(&tenant).await,
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
                    let tenant = Tenant::none();
                    loop {
                        slices.go_on(&tenant).await;
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
            let (slices, tenant) = (slices(), Tenant::none());
            drop(tokio::time::timeout(Duration::ZERO, slices.go_on(&tenant)).await);
            tokio::time::timeout(Duration::from_secs(5), slices.begin(&tenant)).await.unwrap();
        });
    }

    fn tenant(cpu_share: u32) -> Arc<Tenant> {
        Tenants::default().of(Some(&TenantConfig { cpu_share, ..TenantConfig::default() }))
    }

    /// Lets each of `tenants` compute without an end in so many calls, for `slices`; how much
    /// each has had, in milliseconds.
    fn compute(tenants: &[(&Arc<Tenant>, usize)], slices: usize) -> Vec<u64> {
        let mut queues = Queues::default();
        let mut had = vec![0; tenants.len()];
        let push = |queues: &mut Queues, tenant: &Arc<Tenant>| {
            queues.push(tenant, Slice::GoOn, oneshot::channel().0);
        };
        for (tenant, calls) in tenants {
            (0..*calls).for_each(|_| push(&mut queues, tenant));
        }
        for slice in 0..slices {
            let (tenant, _) = queues.pop().unwrap();
            let place = tenants.iter().position(|(own, _)| Arc::ptr_eq(own, &tenant)).unwrap();
            // Slices are not all of a length.
            let milliseconds = 1 + slice as u64 % 3;
            had[place] += milliseconds;
            push(&mut queues, &tenant);
            queues.charge(&tenant, Duration::from_millis(milliseconds));
        }
        had
    }

    #[test]
    fn tenants_have_slices_by_their_weights_not_by_their_calls() {
        let (one, three, six) = (tenant(1), tenant(3), tenant(6));
        let had = compute(&[(&one, 50), (&three, 1), (&six, 2)], 10_000);
        let unit: u64 = had.iter().sum::<u64>() / 10;
        for (had, share) in had.iter().zip([1, 3, 6]) {
            assert!(had.abs_diff(unit * share) <= 10, "{had} for a share of {share}, {unit} being one");
        }
    }

    #[test]
    fn who_was_away_has_no_claim_on_what_was_before() {
        let (a, b) = (tenant(1), tenant(1));
        let mut queues = Queues::default();
        let mut give = |tenants: [&Arc<Tenant>; 2]| {
            for tenant in tenants {
                queues.push(tenant, Slice::Begin, oneshot::channel().0);
            }
            let (tenant, _) = queues.pop().unwrap();
            queues.charge(&tenant, Duration::from_millis(1));
            Arc::ptr_eq(&tenant, &a)
        };
        assert!((0..100).all(|_| give([&a, &a])), "alone");
        let of_a = (0..100).filter(|_| give([&a, &b])).count();
        assert!((45..=55).contains(&of_a), "{of_a} of 100");
    }

    #[test]
    fn what_nobody_owes_is_forgotten() {
        let mut queues = Queues::default();
        for _ in 0..1000 {
            let tenant = Tenant::none();
            queues.push(&tenant, Slice::Begin, oneshot::channel().0);
            assert!(queues.pop().is_some());
            queues.charge(&tenant, Duration::from_millis(1));
        }
        assert!(queues.tenants.len() <= 2, "{}", queues.tenants.len());
    }
}
