//! The open connections of a core, so that one of them can make room for another.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use slab::Slab;
use tokio::sync::Notify;

use super::guard::{Rest, Watch};
use crate::clients::PeerPlace;

/// The open connections of a core.
#[derive(Debug, Default)]
pub(super) struct OpenConnections(RefCell<Slab<Rc<Open>>>);

#[derive(Debug)]
struct Open {
    watch: Rc<Watch>,
    counted: RefCell<Option<Counted>>,
    closed: Notify,
}

/// A connection's place among them, for as long as it is open.
#[derive(Debug)]
pub(super) struct Place {
    all: Rc<OpenConnections>,
    open: Rc<Open>,
    key: usize,
}

/// A connection counts from its acceptance to its end.
#[derive(Debug)]
pub(super) struct Counted {
    connections: Arc<AtomicUsize>,
    _place: Option<PeerPlace>,
}

impl Counted {
    /// Counts one more.
    pub(super) fn new(connections: &Arc<AtomicUsize>, place: Option<PeerPlace>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self { connections: connections.clone(), _place: place }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl OpenConnections {
    pub(super) fn add(self: &Rc<Self>, watch: Rc<Watch>, counted: Counted) -> Place {
        let counted = RefCell::new(Some(counted));
        let open = Rc::new(Open { watch, counted, closed: Notify::new() });
        let key = self.0.borrow_mut().insert(open.clone());
        Place { all: self.clone(), open, key }
    }

    /// How long the connection that can best be spared has had nothing to do.
    pub(super) fn spare(&self) -> Option<Rest> {
        self.find().map(|(rest, _)| rest)
    }

    /// Closes that connection, if there still is one.
    pub(super) fn close_spare(&self) -> bool {
        let Some((_, open)) = self.find() else { return false };
        // Its place is free at once, so that not one more has to go.
        open.counted.take();
        open.closed.notify_one();
        true
    }

    fn find(&self) -> Option<(Rest, Rc<Open>)> {
        let all = self.0.borrow();
        let counted = all.iter().filter(|(_, open)| open.counted.borrow().is_some());
        let resting = counted.filter_map(|(_, open)| open.watch.rest().map(|rest| (rest, open)));
        resting.min_by_key(|(rest, _)| *rest).map(|(rest, open)| (rest, open.clone()))
    }
}

impl Place {
    /// Waits until it is to make room.
    pub(super) async fn closed(&self) {
        self.open.closed.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.0.borrow_mut().try_remove(self.key);
        self.open.counted.take();
    }
}
