//! Step 4: a compressed sibling (`style.css.br` beside `style.css`) in place of
//! the file, where the client accepts its coding (RFC 9110 section 12.5.3).
//!
//! Unlike nginx's `gzip_static`, a sibling older than its original is passed
//! over: an edit is seen at once, whether or not the build ran again. The
//! original must exist; it has the name, the media type and the policy.

use http::HeaderMap;

use super::error::ServeError;
use super::finder::{Finder, Found, Naming, Representation, Source};
use super::media_type;
use super::path::FilePath;
use super::state::FileState;
use crate::coding;
use crate::compression::is_text;

/// The file that was found, or the best sibling that the client accepts.
pub(super) fn choose(
    finder: &Finder<'_>,
    source: Source,
    path: &FilePath,
    headers: &HeaderMap,
) -> Result<Representation, ServeError> {
    let (media_type, varies) = match &source {
        Source::Memory(kept) => (kept.facts.media_type.clone(), kept.facts.varies),
        Source::Disk(_) => {
            let media_type = media_type::of(path.extension());
            // Said of a part and of a 304, too, which nothing compresses on their way.
            let varies = (!finder.siblings.is_empty() && !media_type::is_compressed(&media_type))
                || (finder.compresses && is_text(&media_type));
            (media_type, varies)
        }
    };
    if varies {
        let original = source.state();
        for coding in coding::accepted(headers, finder.siblings) {
            let beside = path.sibling(coding.suffix());
            match finder.find(&beside, Some(coding)) {
                Ok(Found::File(sibling)) if is_current(&sibling.state(), &original) => {
                    let naming = Naming { path, media_type, coding: Some(coding), varies };
                    return finder.load(sibling, &beside, naming);
                }
                Ok(_) | Err(ServeError::NotFound | ServeError::Forbidden) => {}
                Err(error) => return Err(error),
            }
        }
    }
    finder.load(source, path, Naming { path, media_type, coding: None, varies })
}

/// Whether a sibling was made from the file as it is. Some compressors keep
/// only the seconds of the original's time, so those decide where it has no more.
fn is_current(sibling: &FileState, original: &FileState) -> bool {
    if sibling.modified.nanos == 0 {
        return sibling.modified.seconds >= original.modified.seconds;
    }
    sibling.modified >= original.modified
}
