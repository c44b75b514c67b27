//! One run of one subject: what was measured, as the JSON file has it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::calm::Disturbance;

/// What was measured of a subject in a round.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) subject: String,
    /// From 0 on. Runs of the same round are a pair.
    pub(crate) round: u32,
    pub(crate) rps: f64,
    /// Of responses, and of the bodies of requests.
    pub(crate) bytes_per_second: Option<f64>,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: Option<f64>,
    /// Where calls are made at once: of all of them together.
    pub(crate) all_us: Option<f64>,
    /// User and system time of all processes of the subject.
    pub(crate) cpu_us_per_request: f64,
    /// The sum of its processes; pages that they share count for each.
    pub(crate) rss_bytes: Option<u64>,
    #[serde(flatten)]
    pub(crate) disturbance: Disturbance,
}

/// A column of [`Row`] that subjects are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Requests,
    Bytes,
    P50,
    P99,
    All,
    Cpu,
    Resident,
}

impl Measure {
    /// In the order of the tables.
    pub(crate) const ALL: [Self; 7] =
        [Self::Cpu, Self::Requests, Self::Bytes, Self::P50, Self::P99, Self::All, Self::Resident];

    /// What it is, with the unit that [`Self::show`] gives it in.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests/s",
            Self::Bytes => "MB/s",
            Self::P50 => "p50, ms",
            Self::P99 => "p99, ms",
            Self::All => "all calls, ms",
            Self::Cpu => "server CPU, µs/request",
            Self::Resident => "resident, MiB",
        }
    }

    pub(crate) fn more_is_better(self) -> bool {
        matches!(self, Self::Requests | Self::Bytes)
    }

    pub(crate) fn of(self, row: &Row) -> Option<f64> {
        match self {
            Self::Requests => Some(row.rps),
            Self::Bytes => row.bytes_per_second,
            Self::P50 => Some(row.p50_us),
            Self::P99 => row.p99_us,
            Self::All => row.all_us,
            Self::Cpu => Some(row.cpu_us_per_request),
            Self::Resident => row.rss_bytes.map(|bytes| bytes as f64),
        }
    }

    /// A value in the unit of [`Self::name`], with three digits or more.
    pub(crate) fn show(self, value: f64) -> String {
        let value = match self {
            Self::Requests | Self::Cpu => value,
            Self::Bytes => value / 1e6,
            Self::P50 | Self::P99 | Self::All => value / 1e3,
            Self::Resident => value / f64::from(1 << 20),
        };
        match value.abs() {
            100.0.. => format!("{value:.0}"),
            10.0.. => format!("{value:.1}"),
            _ => format!("{value:.2}"),
        }
    }
}

/// Writes `rows` as a JSON list.
pub(crate) fn write(file: &Path, rows: &[Row]) -> Result<()> {
    let mut json = serde_json::to_string_pretty(rows).context("could not write JSON")?;
    json.push('\n');
    fs::write(file, json).with_context(|| format!("could not write {}", file.display()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn row(subject: &str, round: u32, cpu: f64, steal_percent: f64) -> Row {
        Row {
            scenario: "test",
            subject: subject.to_owned(),
            round,
            rps: 1e6 / cpu,
            bytes_per_second: Some(1e9 / cpu),
            p50_us: cpu,
            p99_us: None,
            all_us: None,
            cpu_us_per_request: cpu,
            rss_bytes: Some(1 << 20),
            disturbance: Disturbance { steal_percent, others_percent: 0.0, calm: steal_percent <= 4.0 },
        }
    }

    #[test]
    fn a_row_has_the_keys_that_readers_rely_on() {
        let json = serde_json::to_value(row("a", 2, 10.0, 1.5)).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "scenario",
            "subject",
            "round",
            "rps",
            "bytes_per_second",
            "p50_us",
            "p99_us",
            "all_us",
            "cpu_us_per_request",
            "rss_bytes",
            "steal_percent",
            "others_percent",
            "calm",
        ];
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(json["steal_percent"], 1.5);
    }

    #[test]
    fn values_in_their_units() {
        assert_eq!(Measure::Requests.show(12_345.6), "12346");
        assert_eq!(Measure::Bytes.show(1.5e9), "1500");
        assert_eq!(Measure::P99.show(1_234.0), "1.23");
        assert_eq!(Measure::Cpu.show(13.27), "13.3");
        assert_eq!(Measure::Resident.show(5_242_880.0), "5.00");
    }
}
