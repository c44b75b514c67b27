//! The calls that wait to be started in an instance.
//!
//! A queue of our own, so that calls which have not been started can be taken back
//! where one that has computes without end: what waits inside wasmtime cannot.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use super::job::{Job, Outcome};
use super::status::Running;

/// A call, and its count, which is dropped when the call has come to its end.
pub(super) type Counted = (Job, Running);

/// Shared by the pool and the instance's task, on one thread.
#[derive(Default)]
pub(super) struct Inbox {
    jobs: RefCell<VecDeque<Counted>>,
    closed: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inbox({} calls)", self.jobs.borrow().len())
    }
}

impl Inbox {
    /// Adds a call; where the instance has just ended, it goes back at once.
    pub(super) fn push(&self, job: Counted) {
        if self.closed.get() {
            give_back(job);
            return;
        }
        self.jobs.borrow_mut().push_back(job);
        self.wake();
    }

    /// The next call, or `None` once the inbox is closed. Also after a call the caller is
    /// woken when there is more.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Counted>> {
        let (job, last) = {
            let mut jobs = self.jobs.borrow_mut();
            (jobs.pop_front(), jobs.is_empty())
        };
        if let Some(job) = job {
            if last && !self.closed.get() {
                self.waker.set(Some(cx.waker().clone()));
            } else {
                cx.waker().wake_by_ref();
            }
            return Poll::Ready(Some(job));
        }
        if self.closed.get() {
            return Poll::Ready(None);
        }
        self.waker.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Gives all calls back that have not been started.
    pub(super) fn give_back(&self) {
        self.jobs.take().into_iter().for_each(give_back);
    }

    /// Takes no more calls.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.wake();
    }

    /// Takes no more calls, and gives those that wait.
    pub(super) fn drain(&self) -> VecDeque<Counted> {
        self.close();
        self.jobs.take()
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Lets the call run in another instance.
fn give_back((job, _running): Counted) {
    // Nobody waits where the client has gone away.
    job.answer.send(Outcome::Again(job.body)).ok();
}
