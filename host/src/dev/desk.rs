//! What is known of what is being developed, for all who ask: whether it is as its sources say, which
//! version pages are of, what was logged, and what was asked last.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use tokio::sync::watch;

use super::keep::Keep;
use crate::telemetry::Recent;

/// Paths of which it is remembered that something was said.
const MOST_SAID: usize = 256;

/// What is asked of the development server.
#[derive(Debug, Clone)]
pub struct Options {
    /// The requests that are kept, to be run again.
    pub requests: usize,
    /// Whether others than who is on this machine may see sources.
    pub is_public: bool,
}

/// What keeps what is served from being what the sources say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is being built for the first time.
    Building,
    /// Something is wrong with it.
    Wrong {
        /// What it is with, in a few words.
        what: String,
        /// What the compiler, or the server, says of it.
        text: String,
    },
}

/// Which version pages are of, and what is in its way.
#[derive(Debug, Clone)]
pub(super) struct State {
    version: u64,
    pub(super) trouble: Option<Arc<Trouble>>,
}

/// One for the process.
#[derive(Debug)]
pub struct Desk {
    /// The folder that the sources are in.
    root: PathBuf,
    pub(super) options: Options,
    pub(super) keep: Arc<Keep>,
    pub(super) recent: Recent,
    state: watch::Sender<State>,
    /// Tells versions of one server from those of another.
    begun: u128,
    said: Mutex<BTreeSet<String>>,
}

impl Desk {
    /// For sources in the folder `root`; `recent` has what is logged.
    pub fn new(root: &Path, options: Options, recent: Recent) -> Self {
        let state = State { version: 0, trouble: Some(Arc::new(Trouble::Building)) };
        Self {
            root: root.canonicalize().unwrap_or_else(|_| root.to_owned()),
            keep: Arc::new(Keep::new(options.requests)),
            options,
            recent,
            state: watch::Sender::new(state),
            begun: UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis()),
            said: Mutex::default(),
        }
    }

    /// The folder that the sources are in.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// What is in the way now.
    pub(super) fn trouble(&self) -> Option<Arc<Trouble>> {
        self.state.borrow().trouble.clone()
    }

    /// Says what is in the way from now on; pages that are open reload, as they would be others.
    pub(super) fn set(&self, trouble: Option<Trouble>) {
        self.state.send_modify(|state| {
            state.version += 1;
            state.trouble = trouble.map(Arc::new);
        });
    }

    /// Has pages that are open reload.
    pub(super) fn reload(&self) {
        self.state.send_modify(|state| state.version += 1);
    }

    /// For who waits until it is another version.
    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// The version that pages are of now, as they are told.
    pub(super) fn version(&self) -> String {
        self.named(&self.state.borrow())
    }

    /// The name of the version in `state`.
    pub(super) fn named(&self, state: &State) -> String {
        format!("{:x}-{}", self.begun, state.version)
    }

    /// Whether `path` is one of which nothing was said yet.
    pub(super) fn is_news(&self, path: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.len() < MOST_SAID && said.insert(path.to_owned())
    }
}
