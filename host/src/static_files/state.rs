//! Part of step 2: what tells one state of a file from another without reading it.
//!
//! A [`FileState`] is device, inode, size, and both times to the nanosecond. The
//! change time matters most: no program can set it back, whereas `rsync -t`,
//! `cp -p` and archives set the modification time at will.
//!
//! Times advance in ticks of the coarse clock (1 to 10 ms), so a second write
//! in the same tick may not be seen in them. A state is therefore *settled*
//! only once its change time lies before the current tick; others are served but
//! neither remembered nor given validators. (Git has the same rule for its index.)

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use rustix::fs::Stat;

use super::access::Access;
use super::error::ServeError;

/// The longest tick there is, at 100 Hz, with room to spare. What lies further
/// ahead comes from another machine's clock and is not waited for.
const TICK_NANOS: i128 = 20_000_000;

/// How often a file that goes on changing is looked at again.
const ATTEMPTS: usize = 3;

/// One state of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    device: u64,
    inode: u64,
    pub(super) size: u64,
    pub(super) modified: Time,
    pub(super) changed: Time,
}

/// Seconds and nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time {
    pub(super) seconds: i64,
    pub(super) nanos: i64,
}

impl Time {
    fn total(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// The clock that file times are taken from, no system call.
    fn now() -> Self {
        #[cfg(target_os = "linux")]
        let clock = rustix::time::ClockId::RealtimeCoarse;
        #[cfg(not(target_os = "linux"))]
        let clock = rustix::time::ClockId::Realtime;
        let now = rustix::time::clock_gettime(clock);
        Self { seconds: now.tv_sec, nanos: now.tv_nsec }
    }
}

impl FileState {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: Time { seconds: metadata.mtime(), nanos: metadata.mtime_nsec() },
            changed: Time { seconds: metadata.ctime(), nanos: metadata.ctime_nsec() },
        }
    }

    /// Of what `fstat` tells. It is less than the `statx` behind [`Metadata`] tells, and
    /// cheaper, which counts where it is asked on each request.
    pub(super) fn of_stat(stat: &Stat) -> Self {
        // The types of these fields differ from system to system.
        #[allow(clippy::unnecessary_cast, reason = "not on every system")]
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: Time { seconds: stat.st_mtime as i64, nanos: stat.st_mtime_nsec as i64 },
            changed: Time { seconds: stat.st_ctime as i64, nanos: stat.st_ctime_nsec as i64 },
        }
    }

    /// The state of an open file, and whether it is settled. Waits for the end of
    /// the tick where the file has changed in it.
    pub(super) fn settle(file: &File, first: &Metadata, access: Access) -> Result<(Self, bool), ServeError> {
        let mut state = Self::of(first);
        for _ in 0..ATTEMPTS {
            let ahead = state.changed.total() - Time::now().total();
            if ahead < 0 {
                return Ok((state, true));
            }
            if ahead > TICK_NANOS {
                break;
            }
            if access == Access::Cached {
                return Err(ServeError::WouldBlock);
            }
            let ahead = u64::try_from(ahead).unwrap_or_default();
            thread::sleep(Duration::from_nanos(ahead) + Duration::from_millis(4));
            state = Self::of(&file.metadata()?);
        }
        Ok((state, false))
    }

    /// Whether the file is still in this state.
    pub(super) fn holds(&self, file: &File) -> io::Result<bool> {
        Ok(Self::of(&file.metadata()?) == *self)
    }

    /// All of it, for the entity tag.
    pub(super) fn bytes(&self) -> [u8; 56] {
        let mut bytes = [0; 56];
        let parts = [
            self.device,
            self.inode,
            self.size,
            self.modified.seconds.cast_unsigned(),
            self.modified.nanos.cast_unsigned(),
            self.changed.seconds.cast_unsigned(),
            self.changed.nanos.cast_unsigned(),
        ];
        for (place, part) in bytes.chunks_exact_mut(8).zip(parts) {
            place.copy_from_slice(&part.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_a_state_give_the_same() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(3).unwrap();
        let stat = rustix::fs::fstat(&file).unwrap();
        assert_eq!(FileState::of_stat(&stat), FileState::of(&file.metadata().unwrap()));
    }
}
