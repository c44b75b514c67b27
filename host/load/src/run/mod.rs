//! A run: threads with workers, which send requests in a closed loop, in an open loop or
//! in rounds, and what was measured in the end.
//!
//! The main thread only looks on: it collects, shows, and hears Ctrl-C.

mod collect;
mod pacer;
mod shared;
mod thread;
mod worker;

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use self::collect::Collector;
use self::shared::Shared;
use self::thread::Phase;
use crate::failure::Class;
use crate::measure::{Slice, Tally, Timeline};
use crate::plan::{Plan, Shape};

const TICK: Duration = Duration::from_millis(100);
/// How long requests under way may take after Ctrl-C.
const GRACE: Duration = Duration::from_millis(500);
/// How long nothing but refused connections is looked at.
const UNREACHABLE: Duration = Duration::from_secs(2);

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) began: SystemTime,
    pub(crate) tally: Tally,
    pub(crate) timeline: Timeline,
    pub(crate) rounds: Vec<Round>,
    /// In which requests were sent.
    pub(crate) window: Duration,
    pub(crate) ended: Ended,
    /// Requests that were under way then, and are not counted.
    pub(crate) given_up: u64,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All requests or rounds were done.
    Complete,
    /// The time was over.
    Time,
    Interrupted,
    /// Nobody listens.
    Unreachable,
}

/// What a round came to.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) number: u32,
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
    /// In nanoseconds, sorted.
    pub(crate) latencies: Vec<u64>,
}

/// A run as it is now.
#[derive(Debug)]
pub(crate) struct Glimpse<'r> {
    pub(crate) tally: &'r Tally,
    pub(crate) slices: &'r [Slice],
    /// `None` while warming up.
    pub(crate) elapsed: Option<Duration>,
    /// From 0 to 1.
    pub(crate) done: f64,
    /// How many are done of how many, where it is in rounds.
    pub(crate) rounds: Option<(usize, u32)>,
}

/// Looks on while a run goes on.
pub(crate) trait Watch {
    fn tick(&mut self, glimpse: &Glimpse<'_>);
    fn round(&mut self, round: &Round);
}

/// Runs a plan to its end.
pub(crate) fn run(plan: &Arc<Plan>, watch: &mut dyn Watch) -> anyhow::Result<Measured> {
    const REMEDY: &str = "is there memory, and may files be opened?";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .with_context(|| format!("could not start a runtime; {REMEDY}"))?;
    let lists = matches!(plan.shape, Shape::Rounds { .. });
    let shared = Arc::new(Shared::new(plan, lists)?);
    let (phase, phases) = watch::channel(Phase::Starting);
    let (ready, all_ready) = std::sync::mpsc::channel();
    let (done, mut ends) = mpsc::unbounded_channel::<()>();
    let mut threads = Vec::new();
    for index in 0..plan.threads as usize {
        let (shared, phases, ready, done) =
            (Arc::clone(&shared), phases.clone(), ready.clone(), done.clone());
        let body = move || {
            // Dropped at its end, which is how that is known.
            let _done = done;
            thread::run(&shared, index, phases, ready)
        };
        let thread = std::thread::Builder::new().name(format!("load-{index}")).spawn(body);
        threads.push(thread.context("could not start a thread; use fewer --threads")?);
    }
    drop((ready, done));
    let are_ready = all_ready.iter().take(threads.len()).count() == threads.len();
    let began = SystemTime::now();
    shared.begin();
    // Where one has failed all end, and it is heard of below.
    phase.send_replace(if are_ready { Phase::Running } else { Phase::Over });
    let supervisor = Supervisor {
        shared: &shared,
        phase: &phase,
        collector: RefCell::new(Collector::new(plan, lists)?),
        watch: RefCell::new(watch),
        rounds: RefCell::default(),
    };
    let ended = runtime.block_on(async {
        tokio::select! {
            biased;
            ended = supervisor.supervise(&mut ends) => ended,
            () = supervisor.conduct() => Ended::Complete,
        }
    });
    let window = shared.end().map_or(Duration::MAX, |_| plan.duration).min(shared.elapsed(Instant::now()));
    // Whoever is still there waits for nothing that counts.
    phase.send_replace(Phase::Over);
    for thread in threads {
        let result = thread.join().unwrap_or_else(|_| Err(io::Error::other("it panicked")));
        result.with_context(|| format!("a thread of the load failed; {REMEDY}"))?;
    }
    let mut collector = supervisor.collector.into_inner();
    collector.collect(&shared);
    Ok(Measured {
        began,
        // The last request of an open loop may be answered before the time is over.
        window: if ended == Ended::Time { plan.duration } else { window },
        given_up: shared.begun().saturating_sub(collector.total.count()),
        tally: collector.total,
        timeline: collector.timeline,
        rounds: supervisor.rounds.into_inner(),
        ended,
    })
}

/// The main thread's part in a run.
struct Supervisor<'r> {
    shared: &'r Shared,
    phase: &'r watch::Sender<Phase>,
    collector: RefCell<Collector>,
    watch: RefCell<&'r mut dyn Watch>,
    rounds: RefCell<Vec<Round>>,
}

impl Supervisor<'_> {
    /// Looks on until all threads are done, or it is interrupted.
    async fn supervise(&self, ends: &mut mpsc::UnboundedReceiver<()>) -> Ended {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Without signals a run can only be killed.
        let mut interrupts = signal(SignalKind::interrupt()).ok();
        let mut interrupted = async || match &mut interrupts {
            Some(interrupts) => interrupts.recv().await,
            None => std::future::pending().await,
        };
        let mut cut = None;
        loop {
            tokio::select! {
                // Nothing is sent: all ends of the channel are dropped.
                _ = ends.recv() => return self.reason(cut.is_some()),
                _ = ticks.tick() => {}
                _ = interrupted() => {
                    let is_second = cut.is_some();
                    if is_second || matches!(self.shared.plan.shape, Shape::Rounds { .. }) {
                        return Ended::Interrupted;
                    }
                    self.shared.stop();
                    self.phase.send_replace(Phase::Ending);
                    cut = Some(Instant::now() + GRACE);
                }
            }
            if cut.is_some_and(|cut| Instant::now() >= cut) {
                return Ended::Interrupted;
            }
            self.look();
            if self.is_unreachable() {
                return Ended::Unreachable;
            }
        }
    }

    fn reason(&self, is_interrupted: bool) -> Ended {
        if is_interrupted {
            return Ended::Interrupted;
        }
        if self.shared.is_exhausted() { Ended::Complete } else { Ended::Time }
    }

    fn look(&self) {
        let mut collector = self.collector.borrow_mut();
        collector.collect(self.shared);
        let now = Instant::now();
        let plan = &self.shared.plan;
        let elapsed = self.shared.elapsed(now);
        let rounds = match plan.shape {
            Shape::Rounds { rounds, .. } => Some((self.rounds.borrow().len(), rounds)),
            Shape::Closed | Shape::Open { .. } => None,
        };
        let done = rounds.map_or_else(
            || {
                let requests = collector.total.count() as f64 / plan.most_requests as f64;
                requests.max(elapsed.as_secs_f64() / plan.duration.as_secs_f64())
            },
            |(done, of)| done as f64 / f64::from(of),
        );
        self.watch.borrow_mut().tick(&Glimpse {
            tally: &collector.total,
            slices: collector.timeline.slices(),
            elapsed: (now >= self.shared.measured_from()).then_some(elapsed),
            done: done.min(1.0),
            rounds,
        });
    }

    fn is_unreachable(&self) -> bool {
        let collector = self.collector.borrow();
        let refused = collector.total.failures.get(&Class::Connect).map_or(0, |found| found.count);
        let all = collector.total.count();
        all > 0 && refused == all && self.shared.elapsed(Instant::now()) >= UNREACHABLE
    }

    /// Has all workers send one request at a time together; for ever where there are no
    /// rounds.
    async fn conduct(&self) {
        let Shape::Rounds { rounds, pause } = self.shared.plan.shape else {
            return std::future::pending().await;
        };
        self.shared.barrier.wait().await;
        while Instant::now() < self.shared.measured_from() {
            self.round().await;
        }
        self.shared.counting.store(true, Ordering::Relaxed);
        for number in 1..=rounds {
            if number > 1 {
                tokio::time::sleep(pause).await;
            }
            let before = self.counts();
            let time = self.round().await;
            let after = self.counts();
            let mut latencies =
                self.collector.borrow_mut().total.list.replace(Vec::new()).unwrap_or_default();
            latencies.sort_unstable();
            let round = Round {
                number,
                requests: after.0 - before.0,
                failed: after.1 - before.1,
                bytes: after.2 - before.2,
                time,
                latencies,
            };
            self.watch.borrow_mut().round(&round);
            self.rounds.borrow_mut().push(round);
        }
    }

    /// Gives how long it took, from before all were let go to after the last one's end.
    async fn round(&self) -> Duration {
        let start = Instant::now();
        self.shared.barrier.wait().await;
        self.shared.barrier.wait().await;
        start.elapsed()
    }

    /// Requests, failures, and bytes in both directions until now.
    fn counts(&self) -> (u64, u64, u64) {
        let mut collector = self.collector.borrow_mut();
        collector.collect(self.shared);
        let total = &collector.total;
        (total.count(), total.failed(), total.sent + total.received)
    }
}
