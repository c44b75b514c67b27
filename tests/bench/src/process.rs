//! What a subject's processes use, from /proc: a server's workers are found by
//! their parents, so a subject may have as many as it likes.

use std::fs;

use anyhow::{Context, Result};

/// What a process and all below it have used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Usage {
    /// User and system time, in ticks; that of workers which have ended too.
    pub(crate) cpu: f64,
    pub(crate) rss_bytes: u64,
}

/// A line of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stat {
    pid: u32,
    parent: u32,
    /// Of the process.
    cpu: f64,
    /// Of its children that have ended and been waited for.
    of_children: f64,
    rss_pages: u64,
}

impl Usage {
    /// Of the process `root` and those below it.
    pub(crate) fn of_tree(root: u32) -> Result<Self> {
        let all = all().context("could not list /proc")?;
        if !all.iter().any(|stat| stat.pid == root) {
            anyhow::bail!("the process {root} has ended");
        }
        let page = rustix::param::page_size() as u64;
        Ok(below(root, &all).fold(Self::default(), |sum, stat| Self {
            cpu: sum.cpu + stat.cpu + stat.of_children,
            rss_bytes: sum.rss_bytes + stat.rss_pages * page,
        }))
    }
}

/// The CPU time in ticks of this process, which may be the load itself, and of its
/// children that have ended.
pub(crate) fn own() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("could not read /proc/self/stat")?;
    parse(&stat).map(|stat| stat.cpu + stat.of_children).context("/proc/self/stat is not as expected")
}

/// The microseconds of a tick.
pub(crate) fn tick_us() -> f64 {
    1e6 / rustix::param::clock_ticks_per_second() as f64
}

fn all() -> std::io::Result<Vec<Stat>> {
    let entries = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    // A process may end between the listing and the reading.
    let stats = entries
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|pid| parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?));
    Ok(stats.collect())
}

/// The process `root` and those below it, which are listed in any order.
fn below(root: u32, all: &[Stat]) -> impl Iterator<Item = &Stat> {
    let mut pids = vec![root];
    let mut next = 0;
    while let Some(&parent) = pids.get(next) {
        pids.extend(all.iter().filter(|stat| stat.parent == parent).map(|stat| stat.pid));
        next += 1;
    }
    all.iter().filter(move |stat| pids.contains(&stat.pid))
}

/// Fields 1, 4, 14 to 17 and 24 of `man 5 proc_pid_stat`. The second is a name,
/// which may hold spaces and parentheses.
fn parse(stat: &str) -> Option<Stat> {
    let (head, rest) = stat.rsplit_once(") ")?;
    let pid = head.split_once(' ')?.0.parse().ok()?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Stat {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        cpu: ticks(11)? + ticks(12)?,
        of_children: ticks(13)? + ticks(14)?,
        rss_pages: fields.get(21)?.parse().ok()?,
    })
}

/// The memory that programs can have without others losing theirs.
pub(crate) fn available_bytes() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes = info.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.strip_suffix("kB"))?;
    Some(kibibytes.trim().parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 5 6000 77 8";
        let expected = Stat { pid: 42, parent: 7, cpu: 30.0, of_children: 70.0, rss_pages: 77 };
        assert_eq!(parse(stat), Some(expected));
        assert_eq!(parse("42 (a) S 7"), None);
    }

    #[test]
    fn workers_of_workers_count() {
        let stat = |pid, parent| Stat { pid, parent, cpu: 1.0, of_children: 0.0, rss_pages: 1 };
        let all = [stat(5, 4), stat(1, 0), stat(4, 3), stat(3, 1), stat(9, 1)];
        let mut pids: Vec<_> = below(3, &all).map(|stat| stat.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [3, 4, 5]);
    }

    #[test]
    fn this_process_is_in_proc() {
        let usage = Usage::of_tree(std::process::id()).unwrap();
        assert!(usage.rss_bytes > 0);
        assert!(own().unwrap() >= 0.0 && tick_us() > 0.0);
    }
}
