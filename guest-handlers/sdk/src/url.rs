//! URLs of routes, by their names, and of static files.
//!
//! A page that asks for its links does not break when the operator gives a route
//! another pattern, or a mount another prefix.

mod error;

pub use self::error::UrlError;
use crate::service::urls;
use std::fmt;

/// The URL of the route called `name`, once its parameters are given.
///
/// `name` is that of a route of this component (its function's, unless the attribute
/// says otherwise); with a handler's name before it (`orders.item`), of another one;
/// or that of a static mount, a redirect or a fixed response.
///
/// ```
/// use patchboard::{get, url_for, UrlError};
///
/// #[get("/items/{id}")]
/// async fn item() {}
///
/// # fn test() -> Result<(), UrlError> {
/// let url = url_for("item").parameter("id", "a/b").query("page", 2).build()?;
/// assert_eq!(url, "/items/a%2Fb?page=2");
/// # Ok(())
/// # }
/// # test().unwrap();
/// ```
pub fn url_for(name: &str) -> UrlFor<'_> {
    UrlFor { name, parameters: Vec::new(), query: Vec::new() }
}

/// The URL of a file of the static mount called `mount`, with the version of its
/// content in its query, so that it may be kept for ever.
///
/// Never waits. The version is left out where there is no such file.
///
/// # Errors
///
/// If there is no mount of this name; so it is in a component for `wasi:http`, where nothing
/// is known of mounts. In unit tests, a file of any is at `/MOUNT/PATH`.
pub fn static_url(mount: &str, path: &str) -> Result<String, UrlError> {
    urls::static_url(mount, path)
}

/// See [`url_for`].
#[derive(Clone, Debug)]
#[must_use = "a URL is made by `build`"]
pub struct UrlFor<'a> {
    name: &'a str,
    parameters: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl UrlFor<'_> {
    /// Gives a parameter of the route its value, decoded.
    pub fn parameter(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.parameters.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a name and a value to the query.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// The URL, percent-encoded.
    ///
    /// # Errors
    ///
    /// If there is no such route, or the parameters are not exactly its own, each of
    /// its type. In a component for `wasi:http` and in unit tests only the routes of
    /// this component are known, and regexes are not checked.
    pub fn build(self) -> Result<String, UrlError> {
        urls::url_for(self.name, &self.parameters, &self.query)
    }
}
