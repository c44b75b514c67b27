//! The instances of a core: which of them takes a call, when one is started, and when
//! one is given up.
//!
//! In: a [`Call`](super::Call), whose way through admission, an instance and its answer
//! is in `call`. Out: a response that holds permit and place until its body ends.

mod call;
mod seats;

use std::cell::{Cell, OnceCell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::seats::{Handed, Others};
use super::deadlines::Deadlines;
use super::engine::Engine;
use super::error::CallError;
use super::grants::outbound::{OutboundClient, SelfConnections};
use super::handler::Handler;
use super::inbox::Inbox;
use super::instance;
use super::places::{Holder, Place};
use super::slices::Slices;
use super::status::Status;
use crate::config::Isolation;

pub use self::seats::{FromOthers, Seat};

/// Instances of a handler that a core starts ahead of calls, where each takes one at a
/// time; they are kept as long as any idle instance.
const SPARES: usize = 4;

/// How often a call that waits in a full pool looks for an instance.
const LOOK: Duration = Duration::from_millis(20);
/// How long an idle instance is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How long calls may take to end by themselves when the server ends.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How often instances are looked at, whether they are of use, and where none is in use.
const SWEEP: Duration = Duration::from_secs(1);
const IDLE_SWEEP: Duration = Duration::from_secs(4);

/// A core's instances. Lives on the core's thread.
#[derive(Debug)]
pub struct Core {
    engine: Arc<Engine>,
    client: OnceCell<OutboundClient>,
    this_server: SelfConnections,
    instances: RefCell<FxHashMap<u64, Vec<Rc<Instance>>>>,
    /// In whose name places are taken for this core.
    holders: RefCell<FxHashMap<u64, Holder>>,
    deadlines: Deadlines,
    spawned: Notify,
    slices: Arc<Slices>,
    freed: Arc<Notify>,
    others: Others,
    draining: Cell<bool>,
}

#[derive(Debug)]
struct Instance {
    handler: Arc<Handler>,
    inbox: Rc<Inbox>,
    status: Arc<Status>,
    /// Calls it may still take.
    left: Cell<u32>,
    /// The calls that were left when it was last seen in use, and when that was.
    used: Cell<(u32, Instant)>,
}

impl Instance {
    /// Whether it takes calls and nobody waits for one in it.
    fn is_idle(&self) -> bool {
        self.status.accepts() && self.status.calls() == 0
    }
}

impl Core {
    /// A core without instances yet, at its seat among the cores; what its handlers ask of this
    /// server comes to `this_server`. And what [`serve_others`](Self::serve_others) takes.
    pub fn new(engine: Arc<Engine>, this_server: SelfConnections, seat: Seat) -> (Self, FromOthers) {
        let (others, from_others) = seat.split();
        let core = Self {
            others,
            slices: Arc::new(Slices::new(engine.ticks())),
            engine,
            client: OnceCell::new(),
            this_server,
            instances: RefCell::default(),
            holders: RefCell::default(),
            deadlines: Deadlines::default(),
            spawned: Notify::new(),
            freed: Arc::default(),
            draining: Cell::new(false),
        };
        (core, from_others)
    }

    /// Runs the calls that came to other cores, and whose instance is here.
    pub async fn serve_others(self: Rc<Self>, mut from_others: FromOthers) {
        while let Some(Handed { handler, call, mut answer }) = from_others.next().await {
            let core = self.clone();
            tokio::task::spawn_local(async move {
                let outcome = tokio::select! {
                    // First, so that who has left by now is counted as that.
                    biased;
                    outcome = core.call_here(&handler, call) => outcome,
                    // Nobody waits any more.
                    () = answer.closed() => return,
                };
                answer.send(outcome).ok();
            });
        }
    }

    /// Ends what takes too long, and instances that are of no use any more. To be run
    /// beside the core's calls; never returns.
    pub async fn watch(&self) {
        let sweeps = async {
            let mut next = Instant::now();
            loop {
                let idle = self.instances.borrow().is_empty();
                if idle {
                    self.spawned.notified().await;
                    next = Instant::now() + SWEEP;
                }
                match tokio::time::timeout_at(next, self.engine.places().wanted()).await {
                    Ok(()) => self.retire_idlest(),
                    Err(_) => {
                        self.sweep(next);
                        next += if self.is_in_use() { SWEEP } else { IDLE_SWEEP };
                    }
                }
            }
        };
        // A task of its own: it is woken far more often than the others.
        let slices = self.slices.clone();
        tokio::task::spawn_local(async move { slices.give_out().await });
        tokio::join!(self.deadlines.watch(), sweeps);
    }

    /// Lets calls know that what has no end of its own should come to one.
    pub fn drain(&self) {
        self.draining.set(true);
        self.instances.borrow().values().flatten().for_each(|instance| instance.status.drain());
    }

    /// Lets calls know that the server ends, and gives them a moment to end by themselves.
    pub async fn stop(&self) {
        let is_at_work =
            |instance: &&Rc<Instance>| instance.status.running() > 0 || instance.status.tasks() > 0;
        self.instances.borrow().values().flatten().for_each(|instance| instance.status.stop());
        let until = Instant::now() + LAST_WORDS;
        while Instant::now() < until && self.instances.borrow().values().flatten().any(|i| is_at_work(&i)) {
            tokio::time::sleep(LOOK / 4).await;
        }
    }

    /// Whether any instance has a call, or has an end of its own to come to.
    fn is_in_use(&self) -> bool {
        let is_in_use = |instance: &Rc<Instance>| {
            instance.status.calls() > 0 || instance.status.running() > 0 || instance.status.is_retiring()
        };
        self.instances.borrow().values().flatten().any(is_in_use)
    }

    fn sweep(&self, now: Instant) {
        self.holders.borrow_mut().retain(|_, holder| !holder.is_unused());
        for instance in self.instances.borrow().values().flatten() {
            if instance.handler.is_superseded() {
                instance.status.drain();
            }
            let left = instance.left.get();
            let (left_before, since) = instance.used.get();
            if instance.handler.most_instances().is_some() && !instance.handler.is_superseded() {
                // What it has in memory is what it is kept for.
            } else if instance.status.calls() > 0 || left != left_before {
                instance.used.set((left, now));
            } else if instance.handler.is_superseded() || now.duration_since(since) >= IDLE {
                instance.status.retire();
            }
        }
    }

    /// Gives up the instance that has been idle for longest, for another handler's sake.
    fn retire_idlest(&self) {
        let instances = self.instances.borrow();
        let idle = instances.values().flatten().filter(|instance| instance.is_idle());
        let idle = idle.filter(|instance| instance.handler.most_instances().is_none());
        let idlest = idle.min_by_key(|instance| instance.used.get().1);
        if let Some(instance) = idlest {
            instance.status.retire();
        }
    }

    /// Whether some call of the handler computes for long.
    fn is_computing(&self, handler: &Handler) -> bool {
        self.slices.are_wanted()
            && self
                .instances
                .borrow()
                .get(&handler.id())
                .is_some_and(|instances| instances.iter().any(|instance| instance.status.is_busy()))
    }

    /// An instance that takes a call.
    fn free_instance(&self, handler: &Handler) -> Option<Rc<Instance>> {
        let most = handler.calls_at_once();
        let has_room = |status: &Status| match handler.takes_more() {
            true => status.calls() < most,
            // Those count that nobody waits for any more, too.
            false => status.calls() < most && status.running() < most,
        };
        let free = |instance: &&Rc<Instance>| instance.status.accepts() && has_room(&instance.status);
        self.instances.borrow().get(&handler.id()).into_iter().flatten().find(free).cloned()
    }

    /// A shared instance that takes a call over its number, if need be.
    fn any_instance(&self, handler: &Handler) -> Option<Rc<Instance>> {
        if !handler.takes_more() {
            return self.free_instance(handler);
        }
        let instances = self.instances.borrow();
        let accepting = instances.get(&handler.id()).into_iter().flatten();
        let accepting = accepting.filter(|instance| instance.status.accepts());
        accepting.min_by_key(|instance| instance.status.calls()).cloned()
    }

    /// A new instance, or where the pool is full, the first that is to be had.
    async fn new_instance(self: &Rc<Self>, handler: &Arc<Handler>) -> Result<Rc<Instance>, CallError> {
        let (places, holder) = (self.engine.places(), self.holder(handler));
        let has_its_share = self.has_its_share(handler);
        if has_its_share {
            if let Some(instance) = self.any_instance(handler) {
                return Ok(instance);
            }
        } else if let Some(place) = places.try_take(handler.needs(), &holder) {
            return Ok(self.spawn(handler, place));
        }
        let limit = handler.limits().queue_timeout;
        let found = async {
            // One for the whole wait: who waits keeps its turn.
            let mut place = pin!(places.take(handler.needs(), &holder));
            loop {
                tokio::select! {
                    place = &mut place, if !has_its_share => return self.spawn(handler, place),
                    () = self.freed.notified() => {}
                    // One may have been computing, and wait for something now.
                    () = tokio::time::sleep(LOOK) => {}
                }
                if let Some(instance) = self.any_instance(handler) {
                    return instance;
                }
            }
        };
        tokio::time::timeout(limit, found).await.map_err(|_| CallError::QueueTimeout(limit))
    }

    /// In whose name the handler's places are taken here.
    fn holder(&self, handler: &Handler) -> Holder {
        let mut holders = self.holders.borrow_mut();
        holders.entry(handler.id()).or_insert_with(|| Holder::on_core(handler.instances())).clone()
    }

    /// Whether the handler has as many instances here as it may.
    fn has_its_share(&self, handler: &Handler) -> bool {
        handler.most_instances().is_some_and(|most| {
            let instances = self.instances.borrow();
            let of_handler = instances.get(&handler.id()).into_iter().flatten();
            of_handler.filter(|instance| !instance.status.is_retiring()).count() >= self.others.share(most)
        })
    }

    /// Starts the instances that the next calls will take, off the path of this one.
    fn replenish(self: &Rc<Self>, handler: &Arc<Handler>) {
        if handler.isolation() == Isolation::Shared || handler.is_superseded() {
            return;
        }
        let spares = {
            let instances = self.instances.borrow();
            let of_handler = instances.get(&handler.id()).into_iter().flatten();
            of_handler.filter(|instance| instance.is_idle()).take(SPARES).count()
        };
        let (places, holder) = (self.engine.places(), self.holder(handler));
        for _ in spares..SPARES {
            if places.has_room(handler.needs())
                && let Some(place) = places.try_take(handler.needs(), &holder)
            {
                self.spawn(handler, place);
            }
        }
    }

    fn spawn(self: &Rc<Self>, handler: &Arc<Handler>, place: Place) -> Rc<Instance> {
        let this_server = || Some((self.this_server.clone(), self.engine.self_address()?));
        let client =
            self.client.get_or_init(|| OutboundClient::new(this_server(), self.engine.stand_ins())).clone();
        let inbox = Rc::new(Inbox::default());
        let status = Arc::new(Status::new(self.slices.clone(), handler.tenant().clone(), self.freed.clone()));
        if self.draining.get() {
            status.drain();
        }
        let left = handler.limits().calls_per_instance;
        let instance = Rc::new(Instance {
            handler: handler.clone(),
            inbox: inbox.clone(),
            status: status.clone(),
            left: Cell::new(left),
            used: Cell::new((left, Instant::now())),
        });
        self.spawned.notify_one();
        self.instances.borrow_mut().entry(handler.id()).or_default().push(instance.clone());
        let (core, handler) = (self.clone(), handler.clone());
        tokio::task::spawn_local(async move {
            let id = handler.id();
            // Boxed: tokio copies a task's future to where it is kept, and over it at its end.
            Box::pin(instance::run(handler, core.engine.clone(), client, status.clone(), inbox)).await;
            core.remove(id, &status);
            drop(place);
        });
        instance
    }

    fn remove(&self, id: u64, status: &Arc<Status>) {
        let mut instances = self.instances.borrow_mut();
        if let Some(of_handler) = instances.get_mut(&id) {
            of_handler.retain(|instance| !Arc::ptr_eq(&instance.status, status));
            if of_handler.is_empty() {
                instances.remove(&id);
            }
        }
    }
}
