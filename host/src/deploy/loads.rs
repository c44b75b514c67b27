//! Components that are being loaded, each on a thread of its own, so that one whose
//! compilation is slow holds up no other, no reload and no way back.
//!
//! Who follows the folder asks for a handler at each look until it is there, and is woken
//! when it is, or when its routes are known. What nobody asks for any more is forgotten; the
//! compiler cannot be stopped, so such a load still counts until it ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::files::Stamp;
use crate::config::{self, HandlerConfig};
use crate::handlers::{self, Handler, Loader, Routes};
use crate::problem::one_line;

/// The longest component that is loaded, in bytes. What is in it has bounds of its own.
pub(super) const LONGEST: u64 = 256 << 20;

/// Loads at once.
const MOST: usize = 8;
/// Those of them whose files are longer than [`LARGE`]: compiling such a one takes memory.
const MOST_LARGE: usize = 3;
const LARGE: u64 = 4 << 20;

/// What is to be loaded.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) config: HandlerConfig,
    /// The version that serves.
    pub(super) before: Option<Arc<Handler>>,
}

/// How far a load is.
pub(super) enum Progress {
    /// Nothing is known yet.
    Begun,
    /// It compiles; these are its routes.
    Compiling(Routes),
    /// It is there, or is not to be had.
    Done(Result<Arc<Handler>, Failure>),
}

/// Why a component could not be loaded, and the routes that it would have.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) claims: Routes,
}

/// What is being loaded.
pub struct Loads {
    loads: Vec<Load>,
    /// Has whoever asks look again.
    wake: Arc<dyn Fn() + Send + Sync>,
    /// Whether somebody waits for it, and nobody for requests.
    is_urgent: bool,
}

struct Load {
    name: String,
    stamp: Stamp,
    config: HandlerConfig,
    /// Whether somebody has asked for it since the last look.
    asked: bool,
    found: Arc<Found>,
}

#[derive(Debug, Default)]
struct Found {
    claims: OnceLock<Routes>,
    handler: OnceLock<Result<Arc<Handler>, Failure>>,
}

impl std::fmt::Debug for Loads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Loads({})", self.loads.len())
    }
}

impl Loads {
    /// Nothing yet; `wake` is called when there is something to ask for.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { loads: Vec::new(), wake: Arc::new(wake), is_urgent: false }
    }

    /// Likewise; if it is urgent, on all CPUs, and not behind requests.
    #[must_use]
    pub fn urgent(self, is_urgent: bool) -> Self {
        Self { is_urgent, ..self }
    }

    /// Asks for what `order` says of a file that is as `stamp` tells; begins to load it.
    pub(super) fn ask(&mut self, loader: &Arc<Loader>, stamp: Stamp, order: Order) -> Progress {
        let is_it =
            |load: &Load| load.name == order.name && load.stamp == stamp && load.config == order.config;
        let Some(at) = self.loads.iter().position(is_it) else {
            if self.has_room(stamp.length()) {
                self.begin(loader.clone(), stamp, order);
            }
            return Progress::Begun;
        };
        let Some(load) = self.loads.get_mut(at) else { return Progress::Begun };
        load.asked = true;
        match (load.found.handler.get(), load.found.claims.get()) {
            (Some(loaded), _) => Progress::Done(loaded.clone()),
            (None, Some(claims)) => Progress::Compiling(claims.clone()),
            (None, None) => Progress::Begun,
        }
    }

    /// Whether nothing is being loaded.
    pub fn is_empty(&self) -> bool {
        self.loads.is_empty()
    }

    /// Forgets what nobody has asked for since the last time.
    pub fn forget(&mut self) {
        self.loads.retain_mut(|load| std::mem::take(&mut load.asked) || load.is_under_way());
    }

    fn has_room(&self, length: u64) -> bool {
        let under_way = || self.loads.iter().filter(|load| load.is_under_way());
        let large = under_way().filter(|load| load.stamp.length() > LARGE).count();
        under_way().count() < MOST && (length <= LARGE || large < MOST_LARGE)
    }

    fn begin(&mut self, loader: Arc<Loader>, stamp: Stamp, order: Order) {
        let found = Arc::new(Found::default());
        let (name, config) = (order.name.clone(), order.config.clone());
        self.loads.push(Load { name, stamp, config, asked: true, found: found.clone() });
        let (theirs, wake, is_urgent) = (found.clone(), self.wake.clone(), self.is_urgent);
        let work = move || {
            let told = |claims: &Routes| {
                // Once a load.
                theirs.claims.set(claims.clone()).ok();
                wake();
            };
            let work = || load(&loader, &order, &told);
            let loaded = match is_urgent {
                true => handlers::on_all_cpus(work),
                false => handlers::beside_requests(work),
            };
            theirs.handler.set(loaded).ok();
            wake();
        };
        if let Err(error) = std::thread::Builder::new().name("load".to_owned()).spawn(work) {
            found.handler.set(Err(Failure::new(format!("there is no thread to load it: {error}")))).ok();
            (self.wake)();
        }
    }
}

impl Load {
    fn is_under_way(&self) -> bool {
        self.found.handler.get().is_none()
    }
}

/// Loads what `order` says; `told` hears of its routes as soon as they are known.
pub(super) fn load(
    loader: &Loader,
    order: &Order,
    told: &(dyn Fn(&Routes) + Sync),
) -> Result<Arc<Handler>, Failure> {
    // A bug that one component finds in the compiler is no reason to lose the others.
    catch_unwind(AssertUnwindSafe(|| try_load(loader, order, told)))
        .unwrap_or_else(|_| Err(Failure::new("the compiler failed on it; please report this".to_owned())))
}

/// Reads a component's file.
///
/// # Errors
///
/// If it is none, or too long.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    patchboard_files::read(path, LONGEST)
        .map_err(|error| format!("cannot read {}: {error}; correct or remove it", path.display()))
}

fn try_load(
    loader: &Loader,
    order: &Order,
    told: &(dyn Fn(&Routes) + Sync),
) -> Result<Arc<Handler>, Failure> {
    let Order { name, path, before, .. } = order;
    let bytes = read(path).map_err(Failure::new)?;
    let mut config = order.config.clone();
    if config.routes.is_none() {
        config.routes = config::read_handler_file(&path.with_extension("toml"))
            .map_err(|error| Failure::new(one_line(&error.0)))?;
    }
    loader
        .load(name, &bytes, &config, before.as_deref(), told)
        .map_err(|error| Failure { reason: error.to_string(), claims: error.claims })
}

impl Failure {
    fn new(reason: String) -> Self {
        Self { reason, claims: Routes::new() }
    }
}
