//! What the server's process holds, by the kernel's account.

use std::fmt;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How long the server may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(300);
/// It is at rest when its memory has changed by no more than this, so many looks long.
const STEADY_BYTES: u64 = 1 << 20;
const STEADY_LOOKS: u32 = 5;

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) resident_bytes: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: u64,
}

impl Holdings {
    /// Those of the process `pid` at this moment.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the server has ended")?;
        let number = |key: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let (Some(kibibytes), Some(threads)) = (number("VmRSS:"), number("Threads:")) else {
            bail!("/proc/{pid}/status has no VmRSS or Threads");
        };
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).context("the server has ended")?.count();
        Ok(Self { resident_bytes: kibibytes << 10, descriptors, threads })
    }

    /// Those of the process once it is at rest, which is when they do not change any more;
    /// those at the end of its patience where they do.
    pub(crate) fn at_rest(pid: u32) -> Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        let (mut steady, mut looks) = (Self::of(pid)?, 0);
        while looks < STEADY_LOOKS && Instant::now() < deadline {
            thread::sleep(LOOK);
            let now = Self::of(pid)?;
            let moved = now.resident_bytes.abs_diff(steady.resident_bytes) > STEADY_BYTES;
            if moved || now.descriptors != steady.descriptors {
                (steady, looks) = (now, 0);
            } else {
                looks += 1;
            }
        }
        Self::of(pid)
    }
}

impl fmt::Display for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = self.resident_bytes as f64 / f64::from(1 << 20);
        write!(f, "rss {mebibytes:.1} MiB, fds {}, threads {}", self.descriptors, self.threads)
    }
}
