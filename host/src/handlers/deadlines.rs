//! The time-outs of a core's calls, without a timer for each.
//!
//! A call that waits has a place in a list. One task of the core looks through the
//! list when the earliest deadline that it knows has come; a call that ended in time,
//! as nearly all do, has cost it nothing.

use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use slab::Slab;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The waiting calls of a core.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    waiting: RefCell<Slab<Waiting>>,
    /// When [`Deadlines::watch`] will look next.
    next: Cell<Option<Instant>>,
    earlier: Notify,
}

#[derive(Debug)]
struct Waiting {
    deadline: Instant,
    over: bool,
    waker: Waker,
}

impl Deadlines {
    /// What `future` gives, or nothing if it has not by `deadline`.
    pub(super) async fn within<F: Future>(&self, deadline: Instant, future: F) -> Option<F::Output> {
        Within { deadlines: self, deadline, place: None, future: pin!(future) }.await
    }

    /// Ends the waits that are over. Never returns.
    pub(super) async fn watch(&self) {
        loop {
            let next = self.end_those_over(Instant::now());
            self.next.set(next);
            let earlier = self.earlier.notified();
            match next {
                Some(next) => drop(tokio::time::timeout_at(next, earlier).await),
                None => earlier.await,
            }
        }
    }

    /// Gives the earliest deadline of the others.
    fn end_those_over(&self, now: Instant) -> Option<Instant> {
        let mut next = None;
        for (_, waiting) in self.waiting.borrow_mut().iter_mut().filter(|(_, waiting)| !waiting.over) {
            if waiting.deadline <= now {
                waiting.over = true;
                waiting.waker.wake_by_ref();
            } else if next.is_none_or(|next| waiting.deadline < next) {
                next = Some(waiting.deadline);
            }
        }
        next
    }

    fn insert(&self, deadline: Instant, waker: Waker) -> usize {
        if self.next.get().is_none_or(|next| deadline < next) {
            self.next.set(Some(deadline));
            self.earlier.notify_one();
        }
        self.waiting.borrow_mut().insert(Waiting { deadline, over: false, waker })
    }
}

/// See [`Deadlines::within`].
struct Within<'a, F> {
    deadlines: &'a Deadlines,
    deadline: Instant,
    place: Option<usize>,
    future: Pin<&'a mut F>,
}

impl<F: Future> Future for Within<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = self.future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        let Some(place) = self.place else {
            self.place = Some(self.deadlines.insert(self.deadline, cx.waker().clone()));
            return Poll::Pending;
        };
        match self.deadlines.waiting.borrow_mut().get_mut(place) {
            Some(waiting) if waiting.over => Poll::Ready(None),
            Some(waiting) => {
                waiting.waker.clone_from(cx.waker());
                Poll::Pending
            }
            None => Poll::Ready(None),
        }
    }
}

impl<F> Drop for Within<'_, F> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.deadlines.waiting.borrow_mut().try_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use super::*;

    const UNIT: Duration = Duration::from_millis(20);

    fn run(test: impl AsyncFn(&Deadlines, Instant)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(async {
            let deadlines = Deadlines::default();
            let start = Instant::now();
            tokio::select! {
                () = deadlines.watch() => {}
                () = test(&deadlines, start) => {}
            }
            assert!(deadlines.waiting.borrow().is_empty());
        });
    }

    #[test]
    fn what_ends_in_time_is_given() {
        run(async |deadlines, start| {
            let far = start + 1000 * UNIT;
            assert_eq!(deadlines.within(far, ready(1)).await, Some(1));
            let later = async {
                tokio::time::sleep(UNIT).await;
                2
            };
            assert_eq!(deadlines.within(far, later).await, Some(2));
        });
    }

    #[test]
    fn what_does_not_is_ended_after_its_deadline() {
        run(async |deadlines, start| {
            let ended = RefCell::new(Vec::new());
            let wait = async |units: u32| {
                assert!(deadlines.within(start + units * UNIT, pending::<()>()).await.is_none());
                assert!(start.elapsed() >= units * UNIT);
                ended.borrow_mut().push(units);
            };
            // The second is earlier than the one that is waited for when it comes.
            tokio::join!(wait(3), wait(1), wait(2));
            wait(4).await;
            assert_eq!(ended.take().len(), 4);
        });
    }
}
