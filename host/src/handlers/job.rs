//! A call: as it comes to a handler, as it goes to an instance, and what becomes of it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Request;
use http::request::Parts;
use tokio::sync::oneshot;
use wasmtime::component::{ComponentType, Lower};

use super::error::CallError;
use super::over::Over;
use super::request_body::Inbound;
use crate::body::Body;
use crate::upload::Upload;

/// The route that matched a request; `matched-route` of `patchboard:handler/types`.
#[derive(Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct MatchedRoute {
    /// What the component that declares it knows it by.
    pub id: Option<u64>,
    /// The name the handler knows it by.
    pub name: Arc<str>,
    /// Its pattern.
    pub pattern: Arc<str>,
    /// Each parameter's name and decoded value, in order.
    pub parameters: Vec<(String, String)>,
}

/// A request on its way into a handler.
#[derive(Debug)]
pub struct Call {
    /// Head and body as they came.
    pub request: Request<Upload>,
    /// Who asks, as far as is known; the port is 0 where a proxy tells the address alone.
    pub client: Option<SocketAddr>,
    /// The authority the client asked for.
    pub authority: Arc<str>,
    /// The route that matched.
    pub route: Arc<MatchedRoute>,
    /// Names the request.
    pub request_id: Arc<str>,
}

/// A call as it goes to an instance.
pub(super) struct Job {
    pub(super) head: Arc<CallHead>,
    pub(super) body: Inbound,
    pub(super) answer: oneshot::Sender<Outcome>,
}

/// What is known of a call when its head has arrived.
#[derive(Debug)]
pub(super) struct CallHead {
    pub(super) parts: Parts,
    pub(super) client: Option<SocketAddr>,
    pub(super) authority: Arc<str>,
    pub(super) route: Arc<MatchedRoute>,
    pub(super) request_id: Arc<str>,
    pub(super) has_body: bool,
    /// Set when the call begins in an instance, and when the guest has done with it.
    pub(super) begun: AtomicBool,
    pub(super) done: AtomicBool,
    /// Told when nobody waits for it any more, or its response is complete.
    pub(super) over: Over,
    /// Told where it fails after it has answered.
    pub(super) late: LateFailure,
}

/// What becomes of a call.
pub(super) enum Outcome {
    /// The head of the response, and its body as it comes.
    Response(http::Response<Body>),
    /// No response.
    Failed(CallError),
    /// The instance ended before the call was started, or without the call having
    /// had any effect: it may run in another.
    Again(Inbound),
}

/// Why a call failed whose response had begun. Until the head of that is sent it may still be
/// the failure's own; later it is only logged. So that is done once, by whom it concerns.
///
/// Who tells and who takes are on one thread; who sends the body may be on another.
#[derive(Debug, Default)]
pub(super) struct LateFailure {
    stage: AtomicU8,
    again: AtomicBool,
    error: Mutex<Option<CallError>>,
}

impl LateFailure {
    /// The head is not sent.
    const HELD: u8 = 0;
    /// Likewise, and the call has failed.
    const FAILED: u8 = 1;
    /// The head is sent, or nobody waits for it any more.
    const SENT: u8 = 2;
    /// Likewise, and the call has failed since.
    const LOGGED: u8 = 3;

    /// The call has failed; gives that back where it is to be logged.
    pub(super) fn tell(&self, error: CallError) -> Option<CallError> {
        if self.stage.load(Ordering::Relaxed) == Self::HELD {
            *self.lock() = Some(error);
            self.stage.store(Self::FAILED, Ordering::Release);
            return None;
        }
        self.stage.store(Self::LOGGED, Ordering::Release);
        Some(error)
    }

    /// Another call has ended the instance; that is the failure of this one if its head is not
    /// sent, and `again` whether it may run in another instead.
    pub(super) fn tell_of_neighbour(&self, again: bool) {
        if self.stage.load(Ordering::Relaxed) == Self::HELD {
            self.again.store(again, Ordering::Relaxed);
            self.tell(CallError::Neighbour);
        }
    }

    /// Whether the call that has failed so may run again; it then begins anew.
    pub(super) fn begins_again(&self) -> bool {
        let again = self.again.swap(false, Ordering::Relaxed);
        if again {
            self.take();
            self.stage.store(Self::HELD, Ordering::Release);
        }
        again
    }

    /// The head is about to be sent, or never will be; gives why the call has failed, if it has.
    pub(super) fn take(&self) -> Option<CallError> {
        match self.stage.swap(Self::SENT, Ordering::AcqRel) {
            Self::FAILED => self.lock().take(),
            _ => None,
        }
    }

    /// Whether it has failed since then, and that is in the log.
    pub(super) fn is_logged(&self) -> bool {
        self.stage.load(Ordering::Acquire) == Self::LOGGED
    }

    fn lock(&self) -> MutexGuard<'_, Option<CallError>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallHead {
    /// What it takes of memory, in bytes.
    pub(super) fn weight(&self) -> usize {
        let fields = self.parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
        let uri = self.parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
        size_of::<Self>() + uri + self.authority.len() + fields.sum::<usize>()
    }

    /// Whether a guest has begun with the call, and not done with it.
    pub(super) fn is_at_work(&self) -> bool {
        self.begun.load(Ordering::Relaxed) && !self.done.load(Ordering::Relaxed)
    }
}
