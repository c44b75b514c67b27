//! What is known of an object without its content, and its entity tag.
//!
//! The tag is made of size, time of the last change and inode. It is strong: an object
//! is replaced as a whole, and no two puts of a server have the same time, as each is
//! given one of its own ([`moment`]).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Stat};

/// What is known of an object without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Its bytes.
    pub size: u64,
    /// A strong entity tag (RFC 9110, section 8.8.3), with its quotes.
    pub etag: String,
    /// When it was put.
    pub modified: SystemTime,
}

impl Metadata {
    /// None of what is no regular file.
    pub(crate) fn of(stat: &Stat) -> Option<Self> {
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return None;
        }
        // The types of these fields differ from system to system.
        #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, reason = "not on every system")]
        let (size, seconds, nanos, inode) =
            (stat.st_size as u64, stat.st_mtime as u64, stat.st_mtime_nsec as u64, stat.st_ino as u64);
        Some(Self {
            size,
            etag: format!("\"{size:x}-{seconds:x}.{nanos:x}-{inode:x}\""),
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_nanos(nanos),
        })
    }
}

/// The time now since 1970, later than any that was given before: the clock of file
/// systems advances in ticks of milliseconds, within which several puts may end.
pub(crate) fn moment() -> Duration {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_nanos()).unwrap_or_default();
    let after = |last: u64| now.max(last.saturating_add(1));
    let (Ok(last) | Err(last)) =
        LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
    Duration::from_nanos(after(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_moment_is_given_twice() {
        let moments: Vec<_> = (0..1000).map(|_| moment()).collect();
        assert!(moments.is_sorted_by(|earlier, later| earlier < later));
    }
}
