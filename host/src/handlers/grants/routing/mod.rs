//! `patchboard:handler/routing`: the matched route, and URLs by name. Everybody is given it.

pub(super) mod host;
pub(crate) mod keys;
mod urls;

use std::sync::{Arc, Weak};

pub use self::urls::Urls;
use super::grant::{Grant, Grantee};

/// The site, where there is one.
pub(in crate::handlers) struct Routing(Option<Weak<dyn Urls>>);

impl Grant for Routing {
    const IMPORTS: &'static [&'static str] = &["patchboard:handler/routing@"];

    fn grant(to: &Grantee<'_>) -> Self {
        Self(to.shared.urls.clone())
    }
}

impl Routing {
    fn site(&self) -> Option<Arc<dyn Urls>> {
        self.0.as_ref()?.upgrade()
    }
}
