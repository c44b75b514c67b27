//! The instances of a core, and the way of a call into one of them.
//!
//! In: a [`Call`]. Here: admission (a permit, or a bounded wait for one), an
//! instance that takes calls (or a new one), the wait for its answer within
//! `call_timeout`. Out: a response that holds permit and place until its body ends.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use http::{Method, Response};
use http_body::Body as _;
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, oneshot};

use super::collapse::collapse;
use super::component::Kind;
use super::deadlines::Deadlines;
use super::engine::Engine;
use super::health::Verdict;
use super::held_body::hold;
use super::inbox::Inbox;
use super::instance::{self, Answer, CallHead, Job};
use super::load::Handler;
use super::outbound::OutboundClient;
use super::places::Place;
use super::request_body::{Faults, Inbound};
use super::slices::Slices;
use super::status::{Status, Ticket};
use super::{Call, CallError};
use crate::body::Body;
use crate::config::Isolation;

/// Calls at once in one shared instance; further ones go to another.
const CALLS_PER_SHARED: u32 = 256;
/// Instances of a handler that a core starts ahead of calls, where each takes one at a
/// time; they are kept as long as any idle instance.
const SPARES: usize = 4;
/// How often a call is moved to another instance, because calls before it in one
/// compute or trap.
const ATTEMPTS: u32 = 16;

/// How long an idle instance is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How often instances are looked at, whether they are of use.
const SWEEP: Duration = Duration::from_secs(1);

/// A core's instances. Lives on the core's thread.
#[derive(Debug)]
pub struct Core {
    engine: Arc<Engine>,
    client: OnceCell<OutboundClient>,
    instances: RefCell<FxHashMap<u64, Vec<Rc<Instance>>>>,
    deadlines: Deadlines,
    spawned: Notify,
    slices: Arc<Slices>,
    freed: Arc<Notify>,
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

impl Core {
    /// A core without instances yet.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self {
            slices: Arc::new(Slices::new(engine.computing())),
            engine,
            client: OnceCell::new(),
            instances: RefCell::default(),
            deadlines: Deadlines::default(),
            spawned: Notify::new(),
            freed: Arc::default(),
        }
    }

    /// Ends what takes too long, and instances that are of no use any more. To be run
    /// beside the core's calls; never returns.
    pub async fn watch(&self) {
        let sweeps = async {
            let mut next = tokio::time::Instant::now();
            loop {
                let idle = self.instances.borrow().is_empty();
                if idle {
                    self.spawned.notified().await;
                    next = tokio::time::Instant::now() + SWEEP;
                }
                match tokio::time::timeout_at(next, self.engine.places().wanted()).await {
                    Ok(()) => self.retire_idlest(),
                    Err(_) => {
                        self.sweep(next.into_std());
                        next += SWEEP;
                    }
                }
            }
        };
        // A task of its own: it is woken far more often than the others.
        let slices = self.slices.clone();
        tokio::task::spawn_local(async move { slices.give_out().await });
        tokio::join!(self.deadlines.watch(), sweeps);
    }

    fn sweep(&self, now: Instant) {
        for instance in self.instances.borrow().values().flatten() {
            let left = instance.left.get();
            let (left_before, since) = instance.used.get();
            if instance.status.calls() > 0 || left != left_before {
                instance.used.set((left, now));
            } else if instance.handler.is_superseded() || now.duration_since(since) >= IDLE {
                instance.status.retire();
            }
        }
    }

    /// Gives up the instance that has been idle for longest, for another handler's sake.
    fn retire_idlest(&self) {
        let instances = self.instances.borrow();
        let idle = |instance: &&Rc<Instance>| instance.status.accepts() && instance.status.calls() == 0;
        let idlest = instances.values().flatten().filter(idle).min_by_key(|instance| instance.used.get().1);
        if let Some(instance) = idlest {
            instance.status.retire();
        }
    }

    /// Calls `handler` on this core.
    ///
    /// # Errors
    ///
    /// Why there is no response.
    pub async fn call(
        self: &Rc<Self>,
        handler: &Arc<Handler>,
        call: Call,
    ) -> Result<Response<Body>, CallError> {
        let outcome = self.try_call(handler, call).await;
        handler.counts().count(&outcome);
        outcome
    }

    async fn try_call(
        self: &Rc<Self>,
        handler: &Arc<Handler>,
        call: Call,
    ) -> Result<Response<Body>, CallError> {
        let start = Instant::now();
        let limits = handler.limits();
        let (parts, body) = call.request.into_parts();
        if body.size_hint().lower() > limits.request_body_bytes {
            return Err(CallError::RequestTooLarge);
        }
        let route = call.route.name.clone();
        handler.health().admit(&route, start).map_err(CallError::Paused)?;
        let permit = handler.admission().admit(limits).await?;
        let faults = Arc::new(Faults::default());
        let mut inbound = Inbound::receive(body, limits, &faults).await;
        let head = Arc::new(CallHead {
            parts,
            authority: call.authority,
            route: call.route,
            request_id: call.request_id,
            has_body: !matches!(inbound, Inbound::Empty),
            done: AtomicBool::new(false),
        });
        let deadline = tokio::time::Instant::from_std(start + limits.call_timeout);
        for _ in 0..ATTEMPTS {
            if self.is_computing(handler)
                && self.deadlines.within(deadline, self.slices.begin()).await.is_none()
            {
                return Err(CallError::CallTimeout(limits.call_timeout));
            }
            let instance = match self.free_instance(handler) {
                Some(instance) => instance,
                None => self.new_instance(handler).await?,
            };
            let (answer, mut ticket) = send(&instance, head.clone(), inbound);
            let Some(answer) = self.deadlines.within(deadline, answer).await else {
                return Err(CallError::CallTimeout(limits.call_timeout));
            };
            let failure = match answer {
                Ok(Answer::Response(mut response)) => {
                    let status = response.status();
                    if (status.is_client_error() || status.is_server_error())
                        && let Some(error) = faults.error(limits)
                    {
                        // It says in its own words what the body lacked.
                        ticket.end();
                        return Err(error);
                    }
                    if handler.kind() == Kind::Proxy {
                        response = collapse(response).await;
                    }
                    if head.parts.method == Method::HEAD {
                        // Nobody reads the body.
                        ticket.end();
                    }
                    self.answered(handler, &route);
                    self.replenish(handler);
                    return Ok(response.map(|body| hold(body, ticket, permit, handler, deadline)));
                }
                Ok(Answer::Again(again)) => {
                    ticket.end();
                    inbound = again;
                    continue;
                }
                Ok(Answer::Failed(error)) => error,
                Err(_) => CallError::NoResponse,
            };
            ticket.end();
            if failure.is_trap() {
                self.trapped(handler, &route);
            }
            // The guest's failure follows from the body it did not get.
            return Err(faults.error(limits).unwrap_or(failure));
        }
        Err(CallError::Neighbour)
    }

    fn answered(&self, handler: &Handler, route: &str) {
        if handler.health().answered(route) {
            tracing::info!(handler = handler.name(), route, "answers again");
        }
    }

    fn trapped(&self, handler: &Handler, route: &Arc<str>) {
        match handler.health().trapped(route, Instant::now()) {
            Verdict::None => {}
            Verdict::Pause(pause) => tracing::error!(
                handler = handler.name(),
                %route,
                ?pause,
                "keeps trapping; its calls answer 503 for a while"
            ),
            Verdict::RollBack => self.engine.alarm(),
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
        let at_once = if handler.isolation() == Isolation::Shared { CALLS_PER_SHARED } else { 1 };
        let free = |instance: &&Rc<Instance>| instance.status.accepts() && instance.status.calls() < at_once;
        self.instances.borrow().get(&handler.id()).into_iter().flatten().find(free).cloned()
    }

    /// A new instance, or where the pool is full, the first that is to be had.
    async fn new_instance(self: &Rc<Self>, handler: &Arc<Handler>) -> Result<Rc<Instance>, CallError> {
        let places = self.engine.places();
        if let Some(place) = places.try_take(handler.instances()) {
            return Ok(self.spawn(handler, place));
        }
        let limit = handler.limits().queue_timeout;
        let found = async {
            loop {
                tokio::select! {
                    place = places.take(handler.instances()) => return self.spawn(handler, place),
                    () = self.freed.notified() => {
                        if let Some(instance) = self.free_instance(handler) {
                            return instance;
                        }
                    }
                }
            }
        };
        tokio::time::timeout(limit, found).await.map_err(|_| CallError::QueueTimeout(limit))
    }

    /// Starts the instances that the next calls will take, off the path of this one.
    fn replenish(self: &Rc<Self>, handler: &Arc<Handler>) {
        if handler.isolation() == Isolation::Shared || handler.is_superseded() {
            return;
        }
        let spares = {
            let instances = self.instances.borrow();
            let idle = |instance: &&Rc<Instance>| instance.status.accepts() && instance.status.calls() == 0;
            instances.get(&handler.id()).into_iter().flatten().filter(idle).take(SPARES).count()
        };
        for _ in spares..SPARES {
            let places = self.engine.places();
            if places.has_room()
                && let Some(place) = places.try_take(handler.instances())
            {
                self.spawn(handler, place);
            }
        }
    }

    fn spawn(self: &Rc<Self>, handler: &Arc<Handler>, place: Place) -> Rc<Instance> {
        let client = self.client.get_or_init(|| OutboundClient::new(self.engine.self_address())).clone();
        let inbox = Rc::new(Inbox::default());
        let status = Arc::new(Status::new(self.slices.clone(), self.freed.clone()));
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
            instance::run(handler, core.engine.clone(), client, status.clone(), inbox).await;
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

/// Gives the call to the instance.
fn send(instance: &Instance, head: Arc<CallHead>, body: Inbound) -> (oneshot::Receiver<Answer>, Ticket) {
    let left = instance.left.get().saturating_sub(1);
    instance.left.set(left);
    let ticket = Ticket::new(&instance.status, head.clone());
    if left == 0 {
        instance.status.retire();
    }
    let (answer, receiver) = oneshot::channel();
    instance.inbox.push(Job { head, body, answer });
    (receiver, ticket)
}
