//! The way of a call into an instance and of its answer out of it.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::{Method, Response};
use http_body::Body as _;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::seats::Handed;
use super::{Core, Instance};
use crate::body::Body;
use crate::config::{Isolation, Limits};
use crate::handlers::content::settle;
use crate::handlers::error::{CallError, Unfinished};
use crate::handlers::gather::gather;
use crate::handlers::handler::Handler;
use crate::handlers::health::Verdict;
use crate::handlers::held_body::{Cuts, hold};
use crate::handlers::job::{Call, CallHead, Job, LateFailure, Outcome};
use crate::handlers::over::Over;
use crate::handlers::request_body::{Faults, Inbound};
use crate::handlers::status::{Running, Ticket};
use crate::upload::Upload;

/// How often a call is moved to another instance, because calls before it in one
/// compute or trap.
const ATTEMPTS: u32 = 16;

/// A call that is counted as left where it is dropped.
struct Unanswered<'h> {
    handler: &'h Handler,
    head: &'h CallHead,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.handler.counts().count_left();
        sent(self.handler, self.head);
    }
}

/// The call's head is sent, or never will be: a failure that is known by now is in the log.
fn sent(handler: &Handler, head: &CallHead) {
    if let Some(error) = head.late.take() {
        error.log(handler.name(), &head.request_id);
    }
}

impl Core {
    /// Calls `handler` on this core.
    ///
    /// # Errors
    ///
    /// Why there is no response.
    pub fn call<'c>(
        self: &'c Rc<Self>,
        handler: &'c Arc<Handler>,
        call: Call,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Body>, CallError>> + 'c>> {
        match handler.most_instances().and_then(|most| self.others.home(most)) {
            None => Box::pin(self.call_here(handler, call)),
            Some(home) => {
                let (answer, answered) = oneshot::channel();
                // Where that core ends, what was handed to it is dropped, and with it the answer.
                home.send(Handed { handler: handler.clone(), call, answer }).ok();
                Box::pin(async move { answered.await.unwrap_or(Err(CallError::NoResponse)) })
            }
        }
    }

    /// Likewise, where its instance is on this core.
    // No `async fn`: its future would keep the call beside what is made of it, and is
    // copied to where it runs.
    pub(super) fn call_here(
        self: &Rc<Self>,
        handler: &Arc<Handler>,
        call: Call,
    ) -> impl Future<Output = Result<Response<Body>, CallError>> {
        let start = Instant::now();
        let (parts, body) = call.request.into_parts();
        let head = Arc::new(CallHead {
            parts,
            client: call.client,
            authority: call.authority,
            route: call.route,
            request_id: call.request_id,
            has_body: !body.is_end_stream(),
            begun: AtomicBool::new(false),
            done: AtomicBool::new(false),
            over: Over::default(),
            late: LateFailure::default(),
        });
        async move {
            let unanswered = Unanswered { handler, head: &head };
            let outcome = self.try_call(handler, start, head.clone(), body).await;
            std::mem::forget(unanswered);
            if outcome.is_err() {
                // This is how it has failed.
                head.late.take();
            }
            if outcome.as_ref().is_err_and(|error| !matches!(error, CallError::Paused(_))) {
                handler.health().undecided(head.parts.uri.path(), Instant::now().into_std());
            }
            handler.counts().count(&outcome);
            outcome
        }
    }

    async fn try_call(
        self: &Rc<Self>,
        handler: &Arc<Handler>,
        start: Instant,
        head: Arc<CallHead>,
        body: Upload,
    ) -> Result<Response<Body>, CallError> {
        let limits = handler.limits();
        if body.size_hint().lower() > limits.request_body_bytes {
            return Err(CallError::RequestTooLarge);
        }
        handler.health().admit(head.parts.uri.path(), start.into_std()).map_err(CallError::Paused)?;
        let permit = handler.admission().admit(limits, || head.weight()).await?;
        let faults = Arc::new(Faults::default());
        let mut inbound = Inbound::receive(body, limits, &faults).await;
        let deadline = start + limits.call_timeout;
        for _ in 0..ATTEMPTS {
            if self.is_computing(handler)
                && self.deadlines.within(deadline, self.slices.begin(handler.tenant())).await.is_none()
            {
                return Err(CallError::CallTimeout(limits.call_timeout));
            }
            let instance = match self.free_instance(handler) {
                Some(instance) => instance,
                // Boxed, so that calls that need none do not carry the room for it.
                None => Box::pin(self.new_instance(handler)).await?,
            };
            let (answer, mut ticket) = send(&instance, head.clone(), inbound);
            let Some(answer) = self.deadlines.within(deadline, answer).await else {
                ticket.time_out();
                return Err(CallError::CallTimeout(limits.call_timeout));
            };
            let failure = match answer {
                Ok(Outcome::Response(response)) => {
                    let status = response.status();
                    if (status.is_client_error() || status.is_server_error())
                        && let Some(error) = faults.error(limits, status)
                    {
                        // It says in its own words what the body lacked.
                        ticket.end();
                        return Err(error);
                    }
                    // While another answer is still possible.
                    match ready(&head.parts.method, response, limits).await {
                        Ok(response) => {
                            sent(handler, &head);
                            self.answered(handler, head.parts.uri.path());
                            self.replenish(handler);
                            let cuts = Cuts::new(handler.shared_name(), handler.counts().clone(), &head);
                            return Ok(
                                response.map(|body| hold(body, ticket, permit, limits, cuts, deadline))
                            );
                        }
                        Err(CallError::Unfinished) if head.late.begins_again() => {
                            ticket.move_on();
                            inbound = Inbound::Empty;
                            continue;
                        }
                        // What the body lacks is what the store's end has taken.
                        Err(CallError::Unfinished) => head.late.take().unwrap_or(CallError::Unfinished),
                        Err(failure) => failure,
                    }
                }
                Ok(Outcome::Again(again)) => {
                    ticket.move_on();
                    inbound = again;
                    continue;
                }
                Ok(Outcome::Failed(error)) => error,
                Err(_) => CallError::NoResponse,
            };
            ticket.end();
            if handler.isolation() == Isolation::Reuse
                && matches!(failure, CallError::NoResponse | CallError::Unfinished)
                && instance.status.accepts()
            {
                // What was left undone may stand in the way of the next call.
                instance.status.retire();
                tracing::warn!(
                    handler = handler.name(),
                    "its instance is given up after a call without an answer; where that goes on, it may not bear \
                     isolation = \"reuse\""
                );
            }
            // The guest's failure follows from the body it did not get, and is the client's.
            if let Some(fault) = faults.error(limits, failure.status()) {
                return Err(fault);
            }
            if failure.is_guest_failure() {
                self.trapped(handler, head.parts.uri.path(), &failure);
            }
            return Err(failure);
        }
        Err(CallError::Neighbour)
    }

    fn answered(&self, handler: &Handler, path: &str) {
        if handler.health().answered(path) {
            tracing::info!(handler = handler.name(), path, "answers again");
        }
    }

    fn trapped(&self, handler: &Handler, path: &str, failure: &CallError) {
        let now = Instant::now().into_std();
        let verdict = match failure {
            CallError::NoInstance(_) => handler.health().not_started(now),
            _ => handler.health().trapped(path, now),
        };
        match verdict {
            Verdict::None => {}
            Verdict::Pause(pause) => tracing::error!(
                handler = handler.name(),
                path,
                ?pause,
                "keeps trapping; its calls answer 503 for a while"
            ),
            Verdict::RollBack => self.engine.alarm(),
        }
    }
}

/// The response as it goes to the client, with what there is of its body soon.
async fn ready(
    method: &Method,
    mut response: Response<Body>,
    limits: &Limits,
) -> Result<Response<Body>, CallError> {
    if response.body().is_streaming() {
        response = gather(response).await.map_err(|error| match error.is::<Unfinished>() {
            true => CallError::Unfinished,
            false => CallError::InvalidResponse(error.to_string()),
        })?;
    }
    let response = settle(method, response).map_err(CallError::InvalidResponse)?;
    let (body, most) = (response.body(), limits.response_body_bytes);
    match body.size_hint().exact() {
        Some(length) if length > most && !body.is_empty() => Err(CallError::InvalidResponse(format!(
            "its body has {length} bytes, and limits.response_body_bytes is {most}"
        ))),
        _ => Ok(response),
    }
}

/// Gives the call to the instance.
fn send(instance: &Instance, head: Arc<CallHead>, body: Inbound) -> (oneshot::Receiver<Outcome>, Ticket) {
    let left = instance.left.get().saturating_sub(1);
    instance.left.set(left);
    let ticket = Ticket::new(&instance.status, head.clone());
    if left == 0 {
        instance.status.close();
    }
    let (answer, receiver) = oneshot::channel();
    let running = Running::new(&instance.status);
    instance.inbox.push((Job { head, body, answer }, running));
    (receiver, ticket)
}
