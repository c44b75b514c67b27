//! What tests are run against: everything that is served, found right and compiled once, and
//! for each test anew, with nothing of what another has changed.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use super::commit;
use super::prepare::{Judge, Next};
use super::refused::Refused;
use crate::config::{CurrentServer, DEFAULT_LISTEN, Source};
use crate::data::Hold;
use crate::handlers::{Engine, Outside, StandIns, Urls};
use crate::problem::Problem;
use crate::site::{Current, Site};

/// How long a test waits for what its handlers are granted.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is served, of which nobody asks anything.
pub struct Stage {
    next: Next,
}

/// What one test asks.
pub struct Fresh {
    /// The engine, with what handlers keep.
    pub engine: Arc<Engine>,
    /// What is served.
    pub site: Arc<Current>,
    /// The settings.
    pub settings: Arc<CurrentServer>,
    _hold: Option<Hold>,
}

/// Finds what a start would, of what `source` names, and tolerates nothing.
///
/// # Errors
///
/// All that is wrong with it.
pub fn stage(source: &Source) -> Result<Stage, Refused> {
    let mut judge = Judge::read(source)?;
    let loader = judge.loader(Outside::default())?;
    let next = judge.first(loader, true, |_| false)?;
    Ok(Stage { next })
}

impl Stage {
    /// What is served.
    pub fn site(&self) -> &Site {
        &self.next.site
    }

    /// What is served otherwise than was meant.
    pub fn odd(&self) -> &[Problem] {
        &self.next.odd
    }

    /// The same as `source` says it now, with new handlers, and nothing kept. What they ask of
    /// other servers comes to `stand_ins`; their wall clock may stand still at `clock`.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn anew(
        &self,
        source: &Source,
        stand_ins: StandIns,
        clock: Option<SystemTime>,
    ) -> Result<Fresh, Refused> {
        let judge = Judge::read(source)?;
        let site = Arc::new(Current::default());
        let urls: Weak<dyn Urls> = Arc::<Current>::downgrade(&site);
        let mut listeners = judge.config.server.all_listeners();
        let address = listeners.next().map_or(DEFAULT_LISTEN, |listener| listener.address);
        drop(listeners);
        let outside = Outside {
            urls: Some(urls),
            address: Some(address),
            stand_ins: Some(stand_ins),
            clock,
            ..Outside::default()
        };
        let engine = Engine::beside(self.next.folder.engine(), &judge.config, outside);
        let loader = Arc::new(self.next.folder.loader.beside(engine.clone()));
        let next = judge.anew(loader, &self.next.folder)?;
        let (opened, hold) = commit::open(&next, PATIENCE)?;
        commit::put(&next, opened);
        let settings = Arc::new(CurrentServer::from_pointee(next.folder.config.server.clone()));
        site.store(Arc::new(next.site));
        Ok(Fresh { engine, site, settings, _hold: hold })
    }
}
