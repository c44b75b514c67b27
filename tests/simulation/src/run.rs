//! A run: a schedule, what comes of it, and what is left after it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use patchboard_server::handlers::{Core, Handler, Seat};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::{Instant, sleep};

use crate::client;
use crate::expected::{Around, judge};
use crate::schedule::{Ask, Manner, Schedule, Step, Who};
use crate::world::{ALL, SHARED_PLACES, World, connect};

/// Until then whoever has been left ends, and so do instances that are idle.
const QUIET: Duration = Duration::from_secs(120);
/// How often it is looked whether the pool is crowded.
const LOOK: Duration = Duration::from_millis(20);
/// Until then the server knows that a client has its answer, or has left.
const NOTICED: Duration = Duration::from_millis(2);
/// See [`NOTICED`].
const NOTICED_LEAVING: Duration = Duration::from_millis(300);
/// How long each call of the last takes.
const LAST: u64 = 40;

thread_local! {
    static WORLD: Result<World, String> = World::new();
}

/// Runs a schedule.
///
/// # Errors
///
/// What did not hold.
pub fn run(schedule: &Schedule) -> Result<(), String> {
    WORLD.with(|world| {
        let world = world.as_ref().map_err(Clone::clone)?;
        let handlers = world.handlers()?;
        let before: BTreeMap<_, _> = ALL.into_iter().map(|who| (who, world.ended(who))).collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .map_err(|error| error.to_string())?;
        let local = LocalSet::new();
        let begun = local.block_on(&runtime, async {
            Run::new(world, &handlers, schedule.cores).all(&schedule.steps).await
        })?;
        // Instances that are kept end with their core.
        drop(local);
        drop(runtime);
        nothing_is_left(world, 0)?;
        for (who, before) in before {
            let (begun, ended) = (begun.get(&who).copied().unwrap_or_default(), world.ended(who) - before);
            if begun != ended {
                return Err(format!("{who:?} had {begun} calls, and {ended} were counted"));
            }
        }
        Ok(())
    })
}

/// Nobody has more than `kept` instances.
fn nothing_is_left(world: &World, kept: u64) -> Result<(), String> {
    let instances = world.instances();
    if instances > kept {
        return Err(format!("{instances} instances are left, and {kept} are kept"));
    }
    let memory = world.metric("patchboard_memory_bytes", &[]);
    if kept == 0 && memory > 0 {
        return Err(format!("{memory} bytes are on an account, and nobody is there"));
    }
    Ok(())
}

struct Run<'w> {
    world: &'w World,
    handlers: &'w BTreeMap<Who, Arc<Handler>>,
    cores: Vec<Rc<Core>>,
    begun: BTreeMap<Who, Rc<Cell<u64>>>,
    under_way: Rc<RefCell<BTreeMap<Who, usize>>>,
    /// When more calls of a handler came than it takes at once.
    full: Rc<RefCell<BTreeSet<(Who, Instant)>>>,
    /// When the pool was last seen crowded.
    crowded: Rc<Cell<Option<Instant>>>,
}

impl<'w> Run<'w> {
    fn new(world: &'w World, handlers: &'w BTreeMap<Who, Arc<Handler>>, cores: usize) -> Self {
        let core = |seat| {
            let (own, _) = mpsc::unbounded_channel();
            let (core, from_others) = Core::new(world.engine().clone(), own, seat);
            (Rc::new(core), from_others)
        };
        let cores = Seat::all(cores).into_iter().map(core);
        let start = |(core, from_others): (Rc<Core>, _)| {
            let watched = core.clone();
            spawn_local(async move { watched.watch().await });
            spawn_local(core.clone().serve_others(from_others));
            core
        };
        Self {
            world,
            handlers,
            cores: cores.map(start).collect(),
            begun: ALL.into_iter().map(|who| (who, Rc::default())).collect(),
            under_way: Rc::default(),
            full: Rc::default(),
            crowded: Rc::default(),
        }
    }

    /// The whole run; how many calls each handler had.
    async fn all(self, steps: &[Step]) -> Result<BTreeMap<Who, u64>, String> {
        let mut clients = Vec::new();
        for step in steps {
            self.wait(step.after).await;
            (0..step.times).for_each(|_| clients.push(self.begin(step)));
        }
        self.finish(clients).await?;
        self.settle().await?;
        self.last().await?;
        self.settle().await?;
        for core in &self.cores {
            core.stop().await;
        }
        Ok(self.begun.into_iter().map(|(who, begun)| (who, begun.get())).collect())
    }

    /// All that each handler takes at once it still takes at once.
    async fn last(&self) -> Result<(), String> {
        for who in ALL {
            let step = Step {
                after: Duration::ZERO,
                core: 0,
                who,
                ask: Ask::Sleep(LAST),
                manner: Manner::Patient,
                times: who.calls(),
            };
            // At each core: who has a number of instances answers at home.
            let clients = (0..step.times).map(|core| self.begin(&Step { core, ..step.clone() })).collect();
            self.finish(clients).await.map_err(|wrong| format!("in the end, {wrong}"))?;
        }
        Ok(())
    }

    async fn settle(&self) -> Result<(), String> {
        sleep(QUIET).await;
        nothing_is_left(self.world, 1)
    }

    fn begin(&self, step: &Step) -> JoinHandle<Result<(), String>> {
        let (Some(handler), Some(begun)) = (self.handlers.get(&step.who), self.begun.get(&step.who)) else {
            return spawn_local(async { Err("there is no such handler".to_owned()) });
        };
        let Some(core) = self.cores.get(step.core % self.cores.len()) else {
            return spawn_local(async { Err("there is no core".to_owned()) });
        };
        let pipe = connect(core, handler, begun);
        let (step, under_way, crowded) = (step.clone(), self.under_way.clone(), self.crowded.clone());
        let (start, full) = (Instant::now(), self.full.clone());
        let count = {
            let mut under_way = under_way.borrow_mut();
            let of_handler = under_way.entry(step.who).or_default();
            *of_handler += 1;
            *of_handler
        };
        if count > step.who.calls() {
            full.borrow_mut().insert((step.who, start));
        }
        spawn_local(async move {
            let seen = client::ask(pipe, step.ask, step.manner).await;
            sleep(if seen.has_left { NOTICED_LEAVING } else { NOTICED }).await;
            if let Some(count) = under_way.borrow_mut().get_mut(&step.who) {
                *count -= 1;
            }
            // Of those that come at one moment, any may be first; who is slow asks later.
            let last = if step.manner == Manner::Patient { start } else { Instant::now() };
            let is_queued = full.borrow().range((step.who, start)..=(step.who, last)).next().is_some();
            let around = Around { is_queued, is_crowded: crowded.get().is_some_and(|last| last >= start) };
            judge(&step, &seen, &around)
                .map_err(|wrong| format!("the answer {wrong}: {step:?}, {around:?}, {seen:?}"))
        })
    }

    /// Waits for all of them; what was wrong first.
    async fn finish(&self, clients: Vec<JoinHandle<Result<(), String>>>) -> Result<(), String> {
        let mut outcome = Ok(());
        for client in clients {
            while !client.is_finished() {
                self.wait(LOOK).await;
            }
            let ended = client.await.unwrap_or_else(|error| Err(format!("a client panicked: {error}")));
            outcome = outcome.and(ended);
        }
        outcome
    }

    /// Waits, and looks how crowded the pool is meanwhile.
    async fn wait(&self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            if self.world.instances() >= SHARED_PLACES {
                self.crowded.set(Some(Instant::now()));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let busy = self.under_way.borrow().values().any(|count| *count > 0);
            sleep(if busy { left.min(LOOK) } else { left }).await;
        }
    }
}
