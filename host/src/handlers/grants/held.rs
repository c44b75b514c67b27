//! What ends with its call, though the guest may hold it for longer.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Something that ends with its call, though the guest may hold it for longer.
#[derive(Debug)]
pub(in crate::handlers) struct Held<T>(Arc<Mutex<Option<T>>>);

/// What can be ended.
pub(in crate::handlers) trait End: Send + Sync {
    fn end(&self);
}

impl<T: Send> End for Mutex<Option<T>> {
    fn end(&self) {
        self.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone + Send + 'static> Held<T> {
    pub(in crate::handlers) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Some(value))))
    }

    /// None where it has ended.
    pub(in crate::handlers) fn get(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(in crate::handlers) fn set(&self, value: T) {
        if let Some(held) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            *held = value;
        }
    }

    pub(in crate::handlers) fn end(&self) {
        self.0.end();
    }

    /// For the call, which ends it.
    pub(in crate::handlers) fn downgrade(&self) -> Weak<dyn End> {
        Arc::downgrade(&self.0) as Weak<dyn End>
    }
}
