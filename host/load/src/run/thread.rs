//! A thread of a run: a runtime of its own, and its share of the workers.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

use super::pacer::Pacer;
use super::shared::Shared;
use super::worker::{Thread, Worker};
use crate::plan::Shape;

/// For what all connections of a thread receive.
const BUFFER_BYTES: usize = 64 * 1024;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Threads make themselves ready.
    Starting,
    Running,
    /// No more requests; those under way may end.
    Ending,
    /// Those under way are given up.
    Over,
}

/// Runs a thread's workers, from when all threads are ready until all is done, or it is
/// over.
pub(super) fn run(
    shared: &Arc<Shared>,
    index: usize,
    mut phase: watch::Receiver<Phase>,
    ready: Sender<()>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let plan = &shared.plan;
    let thread = Rc::new(Thread {
        shared: Arc::clone(shared),
        index,
        buffer: Rc::new(RefCell::new(vec![0; BUFFER_BYTES].into())),
        pacer: Pacer::new(plan, index as u64),
    });
    let (all, threads) = (plan.concurrency as usize, plan.threads as usize);
    let share = all / threads + usize::from(index < all % threads);
    LocalSet::new().block_on(&runtime, async {
        // The end of all senders tells that a thread has failed.
        let _ = ready.send(());
        drop(ready);
        match phase.wait_for(|phase| *phase != Phase::Starting).await.map(|phase| *phase) {
            Ok(Phase::Running) => {}
            _ => return Ok(()),
        }
        let mut workers = JoinSet::new();
        for _ in 0..share {
            let worker = Worker::new(Rc::clone(&thread));
            match plan.shape {
                Shape::Closed => workers.spawn_local(worker.closed_loop()),
                Shape::Open { .. } => workers.spawn_local(worker.open_loop()),
                Shape::Rounds { .. } => workers.spawn_local(worker.rounds()),
            };
        }
        let mut pacer = tokio::task::spawn_local({
            let thread = Rc::clone(&thread);
            async move { thread.pacer.drive().await }
        });
        loop {
            tokio::select! {
                done = workers.join_next() => match done {
                    None => return Ok(()),
                    Some(done) => done.map_err(io::Error::other)?,
                },
                failed = &mut pacer => return failed.map_err(io::Error::other)?,
                changed = phase.changed() => match *phase.borrow() {
                    Phase::Starting | Phase::Running if changed.is_ok() => {}
                    Phase::Ending if changed.is_ok() => thread.pacer.close(),
                    _ => return Ok(()),
                },
            }
        }
    })
}
