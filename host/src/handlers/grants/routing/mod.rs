//! `patchboard:handler/routing`: the matched route, and URLs by name. Everybody is given it.

pub(super) mod host;
pub(crate) mod keys;
mod urls;

use std::sync::{Arc, Weak};
use std::time::Duration;

pub use self::urls::Urls;
use super::grant::{Grant, Grantee};
use super::shared::{Around, Asked, Shared};
use crate::problem::Problem;

/// The site, where there is one.
pub(in crate::handlers) struct Routing(Site);

/// The site, gone at the end of the process.
type Site = Option<Weak<dyn Urls>>;

impl Shared for Site {
    type Opened = ();

    fn new(around: &Around<'_>) -> Self {
        around.urls.clone()
    }

    fn open(&self, _: &Asked<'_>, _: Duration) -> Result<(), Vec<Problem>> {
        Ok(())
    }
}

impl Grant for Routing {
    const IMPORTS: &'static [&'static str] = &["patchboard:handler/routing@"];
    type Shared = Site;

    fn grant(_: &Grantee<'_>, site: &Site) -> Self {
        Self(site.clone())
    }
}

impl Routing {
    fn site(&self) -> Option<Arc<dyn Urls>> {
        self.0.as_ref()?.upgrade()
    }
}
