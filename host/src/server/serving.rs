//! What a connection is served with, whatever is spoken on it.

use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::watch;

use super::limits::ConnectionLimits;
use super::phase::Phase;
use crate::dispatch::Dispatch;
use crate::handlers::Core;
use crate::tls::CurrentTls;

/// What a connection is served with.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) core: Rc<Core>,
    pub(super) dispatch: Arc<Dispatch>,
    pub(super) tls: Arc<CurrentTls>,
    pub(super) phases: watch::Receiver<Phase>,
    pub(super) limits: ConnectionLimits,
}
