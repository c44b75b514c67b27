//! `patchboard:handler/routing`: the matched route, and URLs by name. Everybody is given it.

pub(super) mod host;

use std::sync::{Arc, OnceLock, Weak};

use super::{Grant, Grantee};
use crate::router::{Url, UrlError};

/// The URLs of what is served at this moment.
pub trait Urls: Send + Sync + std::fmt::Debug {
    /// That of the route `name` with these parameters.
    ///
    /// # Errors
    ///
    /// If there is no such route, or the parameters do not fit it.
    fn url_for(&self, name: &str, parameters: &[(&str, &str)]) -> Result<Url, UrlError>;

    /// That, with its version, of a file of the mount of this name.
    fn static_url(&self, mount: &str, path: &str) -> Option<String>;
}

/// The site, once it is there.
pub(in crate::handlers) struct Routing(Arc<OnceLock<Weak<dyn Urls>>>);

impl Grant for Routing {
    const IMPORTS: &'static [&'static str] = &["patchboard:handler/routing@"];

    fn grant(to: &Grantee<'_>) -> Self {
        Self(to.shared.urls.clone())
    }
}

impl Routing {
    fn site(&self) -> Option<Arc<dyn Urls>> {
        self.0.get()?.upgrade()
    }
}
