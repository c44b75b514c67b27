//! How the body of a response by `wasi:http` 0.2 has ended: finished by its guest, or with its
//! call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::grants::held::End;

/// Shared by who writes the body and who reads it.
#[derive(Debug, Default)]
pub(super) struct BodyEnd {
    is_finished: AtomicBool,
    is_over: AtomicBool,
    reader: Mutex<Option<Waker>>,
}

impl BodyEnd {
    /// The guest says that the body is complete.
    pub(super) fn finish(&self) {
        self.is_finished.store(true, Ordering::Relaxed);
    }

    /// Whether it has said so.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished.load(Ordering::Relaxed)
    }

    /// Whether nobody is left to write.
    pub(super) fn poll_over(&self, cx: &Context<'_>) -> Poll<()> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_over.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        *reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl End for BodyEnd {
    /// The call has ended.
    fn end(&self) {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(reader) = reader.take() {
            reader.wake();
        }
    }
}
