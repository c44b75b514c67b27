//! Steps 6 to 9, joined: from a representation to its response.

use std::time::SystemTime;

use http::header::{CACHE_CONTROL, RANGE};
use http::{HeaderValue, Response, StatusCode};
use smallvec::smallvec;

use super::conditional::{self, Verdict};
use super::content::{self, Piece, Pieces, WHOLE_BYTES};
use super::error::ServeError;
use super::method::ReadMethod;
use super::open::Access;
use super::path::FilePath;
use super::range::{self, Selection};
use super::representation::{Content, Facts, Finder, Representation};
use super::{Asked, Inner, head, version};
use crate::body::Body;

/// RFC 8246, for a year, which is as good as for ever.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

impl Inner {
    /// Answers with the representation, a part of it, or that it has not changed.
    /// `path` is where a version is looked for.
    pub(super) fn send(
        &self,
        asked: &Asked<'_>,
        finder: &Finder<'_>,
        representation: Representation,
        path: Option<&FilePath>,
    ) -> Result<Response<Body>, ServeError> {
        let versioned = match (path, version::asked(asked.uri.query())) {
            (Some(path), Some(version)) if self.config.versioned => {
                finder.version(path)?.is_some_and(|ours| ours.as_str() == version)
            }
            _ => false,
        };
        let mut response = match conditional::evaluate(asked.headers, &representation.facts.validators) {
            Verdict::Failed => return Err(ServeError::Precondition),
            Verdict::NotModified => {
                let mut response = head::empty(StatusCode::NOT_MODIFIED);
                head::put_metadata(response.headers_mut(), &representation.facts);
                response
            }
            Verdict::Proceed => send_content(asked, representation, finder.access)?,
        };
        if versioned {
            response.headers_mut().insert(CACHE_CONTROL, IMMUTABLE);
        }
        Ok(response)
    }
}

fn send_content(
    asked: &Asked<'_>,
    representation: Representation,
    access: Access,
) -> Result<Response<Body>, ServeError> {
    let Representation { facts, length, content } = representation;
    let selection = select(asked, &facts, length);
    let (status, media_type, pieces) = match &selection {
        Selection::Unsatisfiable => return head::unsatisfiable(length),
        Selection::Whole => {
            let all = range::Part { start: 0, end: length };
            (StatusCode::OK, facts.media_type.clone(), smallvec![Piece::File(all)])
        }
        Selection::One(part) => {
            (StatusCode::PARTIAL_CONTENT, facts.media_type.clone(), smallvec![Piece::File(*part)])
        }
        Selection::Several(parts) => {
            let (media_type, pieces) = head::multipart(&facts, parts, length)?;
            (StatusCode::PARTIAL_CONTENT, media_type, Pieces::from(pieces))
        }
    };
    let sent = pieces.iter().map(Piece::length).sum();
    let body = match (asked.method, content) {
        (ReadMethod::Head, _) => Body::empty(),
        (ReadMethod::Get, Content::Bytes(bytes)) => content::of_bytes(bytes, pieces),
        (ReadMethod::Get, Content::File(file)) if length <= WHOLE_BYTES => {
            content::of_bytes(content::whole(&file, length, access)?, pieces)
        }
        (ReadMethod::Get, Content::File(file)) => content::stream(file, pieces),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(8);
    head::put_entity(headers, media_type, sent);
    head::put_representation(headers, &facts);
    if let Selection::One(part) = selection {
        head::put_content_range(headers, part, length)?;
    }
    Ok(response)
}

/// RFC 9110, section 14.2: a Range is for GET only, and only if its condition holds.
fn select(asked: &Asked<'_>, facts: &Facts, length: u64) -> Selection {
    if asked.method == ReadMethod::Head
        || !asked.headers.contains_key(RANGE)
        || !conditional::range_applies(asked.headers, &facts.validators, SystemTime::now())
    {
        return Selection::Whole;
    }
    match range::select(asked.headers, length) {
        // A boundary that the content cannot hold is made from the tag.
        Selection::Several(_) if facts.validators.etag.is_none() => Selection::Whole,
        selection => selection,
    }
}
