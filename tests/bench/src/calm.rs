//! What the machine did to a measurement: time that the hypervisor gave to other
//! guests (*steal*), and CPU that other programs of this machine took.
//!
//! A run is *calm* where both stay below their limits. Steal slows a server without
//! being its fault and counts in its CPU time on some kernels; other programs take
//! its caches. Both come in bursts of seconds, so a run is too short to average
//! them out, and long enough to be discarded whole.

use std::fs;

use anyhow::{Context, Result};
use serde::Serialize;

/// The most steal that a calm run has, of all CPU time.
pub(crate) const STEAL_PERCENT: f64 = 4.0;

/// What disturbed a run, in per cent of the time of all CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Disturbance {
    pub(crate) steal_percent: f64,
    /// Neither the subject nor the load generator.
    pub(crate) others_percent: f64,
    pub(crate) calm: bool,
}

/// The CPU time of the whole machine since it started, in ticks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MachineTime {
    busy: f64,
    idle: f64,
    steal: f64,
}

impl Disturbance {
    /// From the time of the machine before and after, and the CPU time in ticks that
    /// those who are measured took meanwhile. Others may have `most_others` per cent.
    pub(crate) fn between(before: MachineTime, after: MachineTime, ours: f64, most_others: f64) -> Self {
        let (busy, idle) = (after.busy - before.busy, after.idle - before.idle);
        let steal = after.steal - before.steal;
        let percent = |ticks: f64| 100.0 * ticks.max(0.0) / (busy + idle + steal).max(1.0);
        let (steal_percent, others_percent) = (percent(steal), percent(busy - ours));
        let calm = steal_percent <= STEAL_PERCENT && others_percent <= most_others;
        Self { steal_percent, others_percent, calm }
    }
}

impl MachineTime {
    pub(crate) fn now() -> Result<Self> {
        let text = fs::read_to_string("/proc/stat").context("could not read /proc/stat")?;
        Self::parse(&text).context("/proc/stat does not begin with the times of all CPUs")
    }

    /// `cpu user nice system idle iowait irq softirq steal …` (`man 5 proc_stat`).
    fn parse(stat: &str) -> Option<Self> {
        let fields = stat.lines().next()?.strip_prefix("cpu ")?;
        let times: Vec<f64> = fields.split_whitespace().map_while(|field| field.parse().ok()).collect();
        let [user, nice, system, idle, iowait, irq, softirq, steal, ..] = times[..] else { return None };
        Some(Self { busy: user + nice + system + irq + softirq, idle: idle + iowait, steal })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_proc_stat() {
        let stat = "cpu  100 1 50 800 9 2 3 7 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        let time = MachineTime::parse(stat).unwrap();
        assert_eq!(time, MachineTime { busy: 156.0, idle: 809.0, steal: 7.0 });
        assert_eq!(MachineTime::parse("cpu 1 2 3"), None);
        assert_eq!(MachineTime::parse("intr 1"), None);
        assert!(MachineTime::now().unwrap().busy > 0.0);
    }

    #[test]
    fn steal_and_other_programs_disturb() {
        let before = MachineTime { busy: 0.0, idle: 0.0, steal: 0.0 };
        for (busy, idle, steal, ours, calm) in [
            (100.0, 100.0, 0.0, 100.0, true),
            (96.0, 100.0, 4.0, 96.0, true),
            (91.0, 100.0, 9.0, 91.0, false),
            (100.0, 100.0, 0.0, 85.0, true),
            (100.0, 100.0, 0.0, 75.0, false),
            // The process clocks are finer than the machine's.
            (100.0, 100.0, 0.0, 104.0, true),
        ] {
            let disturbance = Disturbance::between(before, MachineTime { busy, idle, steal }, ours, 10.0);
            assert_eq!(disturbance.calm, calm, "{disturbance:?}");
        }
    }
}
