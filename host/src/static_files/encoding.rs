//! Step 5: a compressed sibling (`style.css.br` beside `style.css`) in place of
//! the file, where the client accepts its coding (RFC 9110 section 12.5.3).
//!
//! Unlike nginx's `gzip_static`, a sibling older than its original is passed
//! over: an edit is seen at once, whether or not the build ran again. The
//! original must exist; it has the name, the media type and the policy.

use super::stamp::Stamp;

/// Whether a sibling was made from the file as it is. Some compressors keep
/// only the seconds of the original's time, so those decide where it has no more.
pub(super) fn is_current(sibling: &Stamp, original: &Stamp) -> bool {
    if sibling.modified.nanos == 0 {
        return sibling.modified.seconds >= original.modified.seconds;
    }
    sibling.modified >= original.modified
}
