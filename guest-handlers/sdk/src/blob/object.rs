//! An object that is being read, and how it is answered with.

use super::error::Error;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, HeaderValue, LAST_MODIFIED};
use http_body_util::BodyExt as _;
use std::time::SystemTime;

/// What is known of an object without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Its length in bytes.
    pub size: u64,
    /// A strong entity tag, with its quotes, as the field `ETag` has it. It is another one
    /// after each put.
    pub etag: String,
    /// When it was put.
    pub last_modified: SystemTime,
}

/// An object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What is known of it.
    pub metadata: Metadata,
}

/// Where a part begins, and its most bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) offset: u64,
    pub(super) length: Option<u64>,
}

/// An object that is being read, whole or in part.
///
/// It is a response, too: with its length, `ETag` and `Last-Modified`, and as
/// `application/octet-stream` unless a `Content-Type` is put beside it:
///
/// ```
/// # use patchboard::{blob, header, response::IntoResponse};
/// async fn picture() -> blob::Result<impl IntoResponse> {
///     let object = blob::open("uploads")?.get("picture.png").await?;
///     Ok(([(header::CONTENT_TYPE, "image/png")], object))
/// }
/// ```
#[derive(Debug)]
pub struct Object {
    metadata: Metadata,
    body: Body,
}

impl Object {
    pub(super) fn new(metadata: Metadata, body: Body) -> Self {
        Self { metadata, body }
    }

    /// What is known of it, all of it.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What is read of it, as it comes.
    pub fn into_body(self) -> Body {
        self.body
    }

    /// What is read of it, all at once in memory.
    ///
    /// # Errors
    ///
    /// If it cannot be read to its end.
    pub async fn bytes(self) -> Result<Bytes, Error> {
        let collected = self.body.collect().await.map_err(|error| Error::Other(error.to_string()))?;
        Ok(collected.to_bytes())
    }
}

impl IntoResponse for Object {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let date = httpdate::fmt_http_date(self.metadata.last_modified);
        for (name, value) in [(ETAG, self.metadata.etag), (LAST_MODIFIED, date)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        response
    }
}
