//! Answers that the host makes itself: a redirect, or a fixed response.
//!
//! In: what the configuration says of them, checked once. Here, for each request:
//! the values of its parameters put into the target of a redirect. Out: a response.
//! Pure; who may have which route is for [`crate::site`].

mod redirect;
mod response;

use std::fmt;

use http::Response;

pub use redirect::{Redirect, RedirectError};
pub use response::{FixedResponse, FixedResponseError};

use crate::body::Body;

/// An answer that needs no handler and no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To another URL.
    Redirect(Redirect),
    /// Always the same.
    Fixed(FixedResponse),
}

impl Answer {
    /// The response to a request with these parameters, names and decoded values,
    /// and this query.
    pub fn response<'a>(
        &self,
        values: impl Iterator<Item = (&'a str, &'a [u8])>,
        query: Option<&str>,
    ) -> Response<Body> {
        match self {
            Self::Redirect(redirect) => redirect.response(values, query),
            Self::Fixed(fixed) => fixed.response(),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redirect(redirect) => redirect.fmt(f),
            Self::Fixed(fixed) => fixed.fmt(f),
        }
    }
}
