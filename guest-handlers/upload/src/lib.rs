//! `POST /upload` takes a multipart form and answers with the name, size and
//! SHA-256 of each file in it, and with its text fields.
//!
//! A file is hashed chunk by chunk as it arrives and is never held: a gigabyte
//! takes no more memory than a kilobyte. What is held, the text fields and the
//! list of files, is bounded.

use patchboard::extract::multipart::{Field, MultipartError};
use patchboard::response::{IntoResponse, Response};
use patchboard::{Json, Multipart, StatusCode, post};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How long a text field may be.
const FIELD_BYTES: usize = 4096;
/// How many files and fields, together, a form may have.
const PARTS: usize = 100;

#[derive(Default, Serialize)]
struct Upload {
    files: Vec<File>,
    fields: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct File {
    field: String,
    name: String,
    size: u64,
    sha256: String,
}

#[post("/upload")]
async fn upload(mut form: Multipart) -> Result<Json<Upload>, Refused> {
    let mut upload = Upload::default();
    for _ in 0..PARTS {
        let Some(part) = form.next_field().await? else {
            return Ok(Json(upload));
        };
        let field = part.name().unwrap_or_default().to_owned();
        match part.file_name().map(str::to_owned) {
            Some(name) => upload.files.push(hash(part, field, name).await?),
            None => {
                upload.fields.insert(field, text(part).await?);
            }
        }
    }
    Err(Refused::TooLarge("too many parts\n"))
}

async fn hash(mut part: Field<'_>, field: String, name: String) -> Result<File, Refused> {
    let mut size = 0;
    let mut hash = Sha256::new();
    while let Some(chunk) = part.chunk().await? {
        size += chunk.len() as u64;
        hash.update(&chunk);
    }
    let mut sha256 = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(sha256, "{byte:02x}");
    }
    Ok(File { field, name, size, sha256 })
}

async fn text(mut part: Field<'_>) -> Result<String, Refused> {
    let mut text = Vec::new();
    while let Some(chunk) = part.chunk().await? {
        if text.len() + chunk.len() > FIELD_BYTES {
            return Err(Refused::TooLarge("a text field is too long\n"));
        }
        text.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

enum Refused {
    Malformed(MultipartError),
    TooLarge(&'static str),
}

impl From<MultipartError> for Refused {
    fn from(error: MultipartError) -> Self {
        Self::Malformed(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Malformed(error) => error.into_response(),
            Self::TooLarge(what) => (StatusCode::PAYLOAD_TOO_LARGE, what).into_response(),
        }
    }
}
