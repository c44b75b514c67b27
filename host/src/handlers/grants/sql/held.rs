//! What ends with its call, though the guest may hold it for longer.

#![allow(unreachable_pub, reason = "the generated bindings export the types of resources")]

use std::sync::{Arc, Mutex, PoisonError, Weak};

use patchboard_sql as db;

/// A transaction, until it or its call has ended.
pub type Transaction = Held<db::Transaction>;
/// The unread rows of a query, until they or their call have ended.
pub type Cursor = Held<db::Cursor>;

/// Something that ends with its call, though the guest may hold it for longer.
#[derive(Debug)]
pub struct Held<T>(Arc<Mutex<Option<T>>>);

/// What can be ended.
pub(in crate::handlers) trait End: Send + Sync {
    fn end(&self);
}

impl<T: Send> End for Mutex<Option<T>> {
    fn end(&self) {
        self.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl<T: Clone + Send + 'static> Held<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Some(value))))
    }

    /// None where it has ended.
    pub(super) fn get(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, value: T) {
        if let Some(held) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            *held = value;
        }
    }

    pub(super) fn end(&self) {
        self.0.end();
    }

    /// For the call, which ends it.
    pub(in crate::handlers) fn downgrade(&self) -> Weak<dyn End> {
        Arc::downgrade(&self.0) as Weak<dyn End>
    }
}
