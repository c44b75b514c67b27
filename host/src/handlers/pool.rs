//! The instances of a core, and the way of a call into one of them.
//!
//! In: a [`Call`]. Here: admission (a permit, or a bounded wait for one), an
//! instance that takes calls (or a new one), the wait for its answer within
//! `call_timeout`. Out: a response that holds permit and place until its body ends.

use std::cell::{Cell, OnceCell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Response};
use http_body::{Body as _, Frame, SizeHint};
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};
use tokio::time::Sleep;

use super::collapse::collapse;
use super::component::Kind;
use super::deadlines::Deadlines;
use super::engine::Engine;
use super::inbox::Inbox;
use super::instance::{self, Answer, CallHead, Job};
use super::load::Handler;
use super::outbound::OutboundClient;
use super::request_body::Inbound;
use super::status::{Status, Ticket};
use super::{Call, CallError};
use crate::body::{Body, BodyError};
use crate::config::{Isolation, Limits};

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
            engine,
            client: OnceCell::new(),
            instances: RefCell::default(),
            deadlines: Deadlines::default(),
            spawned: Notify::new(),
        }
    }

    /// Ends what takes too long, and instances that are of no use any more. To be run
    /// beside the core's calls; never returns.
    pub async fn watch(&self) {
        let sweeps = async {
            loop {
                let idle = self.instances.borrow().is_empty();
                if idle {
                    self.spawned.notified().await;
                }
                tokio::time::sleep(SWEEP).await;
                self.sweep(Instant::now());
            }
        };
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
        let start = Instant::now();
        let limits = handler.limits();
        let (parts, body) = call.request.into_parts();
        if body.size_hint().lower() > limits.request_body_bytes {
            return Err(CallError::RequestTooLarge);
        }
        let permit = handler.admission().admit(limits).await?;
        let too_large = Arc::new(AtomicBool::new(false));
        let mut inbound = Inbound::receive(body, limits.request_body_bytes, &too_large).await;
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
            let (answer, mut ticket) = self.send(handler, head.clone(), inbound);
            let Some(answer) = self.deadlines.within(deadline, answer).await else {
                return Err(CallError::CallTimeout(limits.call_timeout));
            };
            let failure = match answer {
                Ok(Answer::Response(mut response)) => {
                    if handler.kind() == Kind::Proxy {
                        response = collapse(response).await;
                    }
                    if head.parts.method == Method::HEAD {
                        // Nobody reads the body.
                        ticket.end();
                    }
                    self.replenish(handler);
                    return Ok(response.map(|body| hold(body, ticket, permit, limits, deadline)));
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
            // The guest's failure follows from the body it did not get.
            return Err(if too_large.load(Ordering::Relaxed) { CallError::RequestTooLarge } else { failure });
        }
        Err(CallError::Neighbour)
    }

    /// Gives the call to an instance that takes calls, or to a new one.
    fn send(
        self: &Rc<Self>,
        handler: &Arc<Handler>,
        head: Arc<CallHead>,
        body: Inbound,
    ) -> (oneshot::Receiver<Answer>, Ticket) {
        let at_once = if handler.isolation() == Isolation::Shared { CALLS_PER_SHARED } else { 1 };
        let instance = {
            let instances = self.instances.borrow();
            let free =
                |instance: &&Rc<Instance>| instance.status.accepts() && instance.status.calls() < at_once;
            instances.get(&handler.id()).into_iter().flatten().find(free).cloned()
        };
        let instance = instance.unwrap_or_else(|| self.spawn(handler));
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
            if self.engine.has_room() {
                self.spawn(handler);
            }
        }
    }

    fn spawn(self: &Rc<Self>, handler: &Arc<Handler>) -> Rc<Instance> {
        let client = self.client.get_or_init(|| OutboundClient::new(self.engine.self_address())).clone();
        let inbox = Rc::new(Inbox::default());
        let status = Arc::new(Status::new());
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
        let live = self.engine.count_instance();
        tokio::task::spawn_local(async move {
            let id = handler.id();
            instance::run(handler, core.engine.clone(), client, status.clone(), inbox).await;
            core.remove(id, &status);
            drop(live);
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

/// Lets the response hold its place until it has ended.
fn hold(
    body: Body,
    mut ticket: Ticket,
    permit: OwnedSemaphorePermit,
    limits: &Limits,
    deadline: tokio::time::Instant,
) -> Body {
    if !body.is_streaming() {
        ticket.end();
        return body;
    }
    Body::stream(HeldBody {
        body,
        ticket,
        _permit: permit,
        left: limits.response_body_bytes,
        deadline: Box::pin(tokio::time::sleep_until(deadline)),
    })
}

/// A streamed response body, held to its limits.
struct HeldBody {
    body: Body,
    ticket: Ticket,
    _permit: OwnedSemaphorePermit,
    left: u64,
    deadline: Pin<Box<Sleep>>,
}

impl http_body::Body for HeldBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            return self.deadline.as_mut().poll(cx).map(|()| {
                tracing::warn!("a response body took longer than limits.call_timeout and was cut");
                Some(Err("the response took longer than limits.call_timeout".into()))
            });
        };
        match &frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                match self.left.checked_sub(length) {
                    Some(left) => self.left = left,
                    None => {
                        tracing::warn!("a response body exceeded limits.response_body_bytes and was cut");
                        return Poll::Ready(Some(Err(
                            "the response exceeds limits.response_body_bytes".into()
                        )));
                    }
                }
                if self.body.is_end_stream() {
                    self.ticket.end();
                }
            }
            Some(Err(_)) => {}
            None => self.ticket.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
