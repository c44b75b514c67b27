//! URLs by name, whoever has the routes.

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
