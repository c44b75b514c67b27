//! Which core a handler's calls run on, where the handler has a number of instances: on the
//! core that has the instance, wherever their connection is.

use std::sync::Arc;

use http::Response;
use tokio::sync::{mpsc, oneshot};

use crate::body::Body;
use crate::handlers::error::CallError;
use crate::handlers::handler::Handler;
use crate::handlers::job::Call;

/// A call that came to another core. Whoever waits for it drops the receiver to leave.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) handler: Arc<Handler>,
    pub(super) call: Call,
    pub(super) answer: oneshot::Sender<Result<Response<Body>, CallError>>,
}

/// A core's place among the cores. Each connection has at most one call under way, so what
/// waits here is bounded by their number.
#[derive(Debug)]
pub struct Seat {
    index: usize,
    cores: Arc<[mpsc::UnboundedSender<Handed>]>,
    handed: mpsc::UnboundedReceiver<Handed>,
}

/// A core's way to the others.
#[derive(Debug, Clone)]
pub(super) struct Others {
    index: usize,
    cores: Arc<[mpsc::UnboundedSender<Handed>]>,
}

/// What comes from the others.
#[derive(Debug)]
pub struct FromOthers(mpsc::UnboundedReceiver<Handed>);

impl FromOthers {
    pub(super) async fn next(&mut self) -> Option<Handed> {
        self.0.recv().await
    }
}

impl Seat {
    /// The seats of so many cores.
    pub fn all(cores: usize) -> Vec<Self> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..cores).map(|_| mpsc::unbounded_channel()).unzip();
        let cores: Arc<[_]> = senders.into();
        let seat = |(index, handed)| Self { index, cores: cores.clone(), handed };
        receivers.into_iter().enumerate().map(seat).collect()
    }

    pub(super) fn split(self) -> (Others, FromOthers) {
        (Others { index: self.index, cores: self.cores }, FromOthers(self.handed))
    }
}

impl Others {
    /// Where the calls of a handler with so many instances run that come to this core; none
    /// where they run here.
    pub(super) fn home(&self, instances: u32) -> Option<&mpsc::UnboundedSender<Handed>> {
        let instances = usize::try_from(instances).unwrap_or(usize::MAX);
        let home = self.index % instances.clamp(1, self.cores.len());
        (home != self.index).then(|| self.cores.get(home)).flatten()
    }

    /// How many of so many instances are this core's.
    pub(super) fn share(&self, instances: u32) -> usize {
        let instances = usize::try_from(instances).unwrap_or(usize::MAX);
        let cores = self.cores.len();
        instances / cores + usize::from(self.index < instances % cores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_core_has_its_share_and_each_call_a_home() {
        for (cores, instances, shares) in
            [(1, 1, &[1][..]), (2, 1, &[1, 0]), (4, 3, &[1, 1, 1, 0]), (2, 5, &[3, 2]), (3, u32::MAX, &[])]
        {
            let seats: Vec<_> = Seat::all(cores).into_iter().map(|seat| seat.split().0).collect();
            let found: Vec<_> = seats.iter().map(|others| others.share(instances)).collect();
            assert!(shares.is_empty() || found == shares, "{cores} {instances}: {found:?}");
            for others in &seats {
                // Calls run where there is an instance.
                let is_here = others.home(instances).is_none();
                assert_eq!(is_here, others.share(instances) > 0, "{cores} {instances} {}", others.index);
            }
        }
    }
}
