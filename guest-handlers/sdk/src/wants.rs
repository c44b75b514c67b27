//! What a handler wants of its request, by the types of its arguments: what no
//! argument can see is not made.
//!
//! The attributes ask `(&Argument::<T>::new()).wants()`. For a type that implements
//! [`WithoutPath`] that is [`Known::wants`], for any other, after one more
//! reference, [`Unknown::wants`].

use crate::call::{ClientAddress, RequestId, Route};
use crate::tls::Tls;
use axum::extract::{Form, Json, Multipart, OriginalUri, Query, RawForm, RawQuery};
use bytes::Bytes;
use http::{HeaderMap, Method, Uri, Version};
use std::marker::PhantomData;

/// What has to be made before a handler can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wants {
    /// Nothing: it has no arguments.
    Nothing,
    /// The request.
    Request,
    /// The request with the extensions that `Path` reads.
    Path,
}

/// An extractor that does not look for path parameters among the extensions.
pub trait WithoutPath {}

/// The type of an argument.
#[derive(Debug)]
pub struct Argument<T>(PhantomData<T>);

impl<T> Argument<T> {
    /// Stands for an argument of this type.
    #[expect(clippy::new_without_default, reason = "only the attributes make it")]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

/// An argument of a type that is known to do `WithoutPath`.
pub trait Known {
    /// What the argument wants.
    fn wants(&self) -> Wants {
        Wants::Request
    }
}

/// An argument of any other type.
pub trait Unknown {
    /// What the argument may want.
    fn wants(&self) -> Wants {
        Wants::Path
    }
}

impl<T: WithoutPath> Known for Argument<T> {}
impl<T> Unknown for &Argument<T> {}

macro_rules! without_path {
    ($($extractor:ty),* $(,)?) => {
        $(impl WithoutPath for $extractor {})*
    };
}

without_path!(
    Bytes,
    ClientAddress,
    HeaderMap,
    Method,
    Multipart,
    OriginalUri,
    RawForm,
    RawQuery,
    RequestId,
    Route,
    String,
    Tls,
    Uri,
    Version,
);

impl<T> WithoutPath for Form<T> {}
impl<T> WithoutPath for Json<T> {}
impl<T> WithoutPath for Query<T> {}
impl<T: WithoutPath> WithoutPath for Option<T> {}
impl<T: WithoutPath, E> WithoutPath for Result<T, E> {}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::{Path, Request};

    #[test]
    fn known_extractors_do_without_the_path() {
        let (bytes, json) = (&Argument::<Bytes>::new(), &Argument::<Option<Json<u8>>>::new());
        assert_eq!((bytes.wants(), json.wants()), (Wants::Request, Wants::Request));
        assert_eq!((&Argument::<Path<String>>::new()).wants(), Wants::Path);
        assert_eq!((&Argument::<Option<Path<String>>>::new()).wants(), Wants::Path);
        // Whoever has the whole request may extract anything from it.
        assert_eq!((&Argument::<Request>::new()).wants(), Wants::Path);
    }
}
