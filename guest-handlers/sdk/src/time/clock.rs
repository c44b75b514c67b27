//! The clock: the host's in a component, the machine's in unit tests.

#[cfg(target_family = "wasm")]
pub(super) use wasip3::clocks::monotonic_clock::{Mark, now, wait_for, wait_until};

#[cfg(not(target_family = "wasm"))]
pub(super) use native::{Mark, now, wait_for, wait_until};

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::pin::Pin;
    use std::sync::{Arc, Mutex, OnceLock, PoisonError};
    use std::task::{Context, Poll, Waker};
    use std::thread;
    use std::time::{Duration, Instant};

    /// Nanoseconds since the clock was first looked at.
    pub(in crate::time) type Mark = u64;

    pub(in crate::time) fn now() -> Mark {
        static START: OnceLock<Instant> = OnceLock::new();
        u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(in crate::time) fn wait_for(nanoseconds: u64) -> Wait {
        wait_until(now().saturating_add(nanoseconds))
    }

    pub(in crate::time) fn wait_until(mark: Mark) -> Wait {
        Wait { mark, waker: None }
    }

    /// Whoever runs a unit test has no timers of ours, so a thread wakes it.
    pub(in crate::time) struct Wait {
        mark: Mark,
        /// Whom the thread is to wake, once there is one.
        waker: Option<Arc<Mutex<Waker>>>,
    }

    impl Future for Wait {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let left = self.mark.saturating_sub(now());
            if left == 0 {
                return Poll::Ready(());
            }
            if let Some(waker) = &self.waker {
                waker.lock().unwrap_or_else(PoisonError::into_inner).clone_from(cx.waker());
                return Poll::Pending;
            }
            let waker = Arc::new(Mutex::new(cx.waker().clone()));
            self.waker = Some(waker.clone());
            thread::spawn(move || {
                thread::sleep(Duration::from_nanos(left));
                waker.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
            });
            Poll::Pending
        }
    }
}
