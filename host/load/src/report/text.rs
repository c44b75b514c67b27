//! The figures of a run as lines of text.

use super::model::{Latency, Report, RoundRow};
use super::number::{bytes, count, digits, percent, time};
use super::table::aligned;

/// The heads of a round's figures.
pub(crate) const ROUND_HEAD: [&str; 11] = [
    "round",
    "concurrency",
    "total s",
    "longest ms",
    "shortest ms",
    "top 90 % ms",
    "mean ms",
    "requests/s",
    "MB",
    "MB/s",
    "failed",
];

/// A round's figures, as [`ROUND_HEAD`] has them.
pub(crate) fn round_cells(row: &RoundRow) -> [String; 11] {
    [
        row.number.to_string(),
        row.concurrency.to_string(),
        format!("{:.3}", row.seconds),
        format!("{:.2}", row.longest_ms),
        format!("{:.2}", row.shortest_ms),
        format!("{:.2}", row.top90_ms),
        format!("{:.2}", row.mean_ms),
        digits(row.requests_per_second),
        digits(row.megabytes),
        digits(row.megabytes_per_second),
        row.failed.to_string(),
    ]
}

/// A line of the table of rounds, or its head. Rounds are printed as they end, so its
/// columns cannot be as wide as what comes.
pub(crate) fn round_line(row: Option<&RoundRow>) -> String {
    let cells = row.map_or_else(|| ROUND_HEAD.map(str::to_owned), round_cells);
    let padded = cells.iter().zip(ROUND_HEAD).map(|(cell, head)| {
        let width = head.chars().count().max(6);
        format!("{cell:>width$}")
    });
    padded.collect::<Vec<_>>().join("  ") + "\n"
}

/// A line of what rates were tried, or their head.
pub(crate) fn staircase_line(step: Option<(&Report, &str)>) -> String {
    let [due, answered, p99, failed, verdict] = match step {
        None => ["due/s", "answered/s", "99 %", "failed", ""].map(str::to_owned),
        Some((report, verdict)) => [
            digits(report.rate.unwrap_or_default()),
            digits(report.requests_per_second),
            report.latency.map_or("-".to_owned(), |latency| time(latency.p99_ms)),
            percent(report.failed, report.requests),
            verdict.to_owned(),
        ],
    };
    format!("{due:>10}  {answered:>10}  {p99:>9}  {failed:>8}  {verdict}").trim_end().to_owned() + "\n"
}

/// All of it but the rounds.
pub(crate) fn summary(report: &Report) -> String {
    let mut text = format!("{}\n{}\n", report.target, report.load);
    text.extend(["\n", &aligned(&totals(report))]);
    text.extend(["\n", &latencies(report)]);
    if report.by_request.len() > 1 {
        text.extend(["\n", &by_request(report)]);
    }
    text.push_str(&outcomes(report));
    for note in notes(report) {
        text.extend(["\nnote: ", &note, "\n"]);
    }
    text
}

fn totals(report: &Report) -> Vec<Vec<String>> {
    let seconds = report.seconds;
    let per_second = |count: u64| bytes(super::model::ratio(count as f64, seconds));
    let mut rows = vec![
        vec![
            "requests".to_owned(),
            count(report.requests),
            format!("{}/s", digits(report.requests_per_second)),
        ],
        vec!["failed".to_owned(), count(report.failed), percent(report.failed, report.requests)],
        vec![
            "sent".to_owned(),
            bytes(report.sent_bytes as f64),
            format!("{}/s", per_second(report.sent_bytes)),
        ],
        vec![
            "received".to_owned(),
            bytes(report.received_bytes as f64),
            format!("{}/s", per_second(report.received_bytes)),
        ],
        vec!["connections".to_owned(), count(report.connections)],
        vec!["time".to_owned(), time(seconds * 1000.0)],
    ];
    if !report.rounds.is_empty() {
        // The pauses between rounds are part of the time, which makes rates meaningless.
        for row in rows.iter_mut().take(4).filter(|row| row.first().is_none_or(|name| name != "failed")) {
            row.truncate(2);
        }
    }
    rows
}

fn latencies(report: &Report) -> String {
    let Some(latency) = &report.latency else { return "no response, so there is no latency\n".to_owned() };
    let mut columns = vec![("latency", latency)];
    columns.extend(report.service.as_ref().map(|service| ("from sending on", service)));
    columns.extend(report.lag.as_ref().map(|lag| ("client's own delay", lag)));
    let head = columns.iter().map(|(name, _)| (*name).to_owned());
    let mut rows: Vec<Vec<String>> = vec![std::iter::once(String::new()).chain(head).collect()];
    for (name, value) in LATENCY_ROWS {
        let cells = columns.iter().map(|(_, latency)| time(value(latency)));
        rows.push(std::iter::once((*name).to_owned()).chain(cells).collect());
    }
    aligned(&rows)
}

/// A name and the figure it stands for.
pub(crate) type LatencyRow = (&'static str, fn(&Latency) -> f64);

pub(crate) const LATENCY_ROWS: &[LatencyRow] = &[
    ("shortest", |latency| latency.shortest_ms),
    ("mean", |latency| latency.mean_ms),
    ("50 %", |latency| latency.p50_ms),
    ("75 %", |latency| latency.p75_ms),
    ("90 %", |latency| latency.p90_ms),
    ("95 %", |latency| latency.p95_ms),
    ("99 %", |latency| latency.p99_ms),
    ("99.9 %", |latency| latency.p999_ms),
    ("99.99 %", |latency| latency.p9999_ms),
    ("longest", |latency| latency.longest_ms),
];

fn by_request(report: &Report) -> String {
    let head = ["request", "requests", "failed", "mean", "50 %", "99 %"].map(str::to_owned).to_vec();
    let rows = report.by_request.iter().map(|row| {
        let of = |value: fn(&Latency) -> f64| row.latency.as_ref().map_or("-".to_owned(), |l| time(value(l)));
        vec![
            row.name.clone(),
            count(row.requests),
            count(row.failed),
            of(|latency| latency.mean_ms),
            of(|latency| latency.p50_ms),
            of(|latency| latency.p99_ms),
        ]
    });
    aligned(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

fn outcomes(report: &Report) -> String {
    let mut text = String::new();
    if !report.statuses.is_empty() {
        let rows: Vec<_> = report
            .statuses
            .iter()
            .map(|(status, n)| vec![format!("status {status}"), count(*n), percent(*n, report.requests)])
            .collect();
        text.extend(["\n", &aligned(&rows)]);
    }
    for failure in &report.failures {
        text.extend([
            "\n",
            failure.class.name(),
            ": ",
            &count(failure.count),
            ", for example:\n  ",
            &failure.example,
        ]);
        text.push('\n');
    }
    text
}

/// What a reader of the figures has to know.
pub(crate) fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.ended != "complete" && report.ended != "time is over" {
        notes.push(format!("the run was {}", report.ended));
    }
    if report.given_up > 0 {
        notes.push(format!(
            "{} requests were under way at the end, and are not counted",
            count(report.given_up)
        ));
    }
    if let Some(rate) = report.rate
        && report.requests_per_second < rate * 0.98
        && report.seconds > 1.0
    {
        notes.push(format!(
            "{} requests/s were due, {} were answered: the server cannot keep up, or there are too few \
             connections (--concurrency) or threads (--threads)",
            digits(rate),
            digits(report.requests_per_second)
        ));
    }
    if let (Some(lag), Some(latency)) = (&report.lag, &report.latency)
        && lag.p99_ms > 1.0
        && lag.p99_ms > latency.p99_ms / 10.0
    {
        notes.push(format!(
            "the client itself was late by {} (99 %), which is part of the latency: the machine is busy; try \
             more --threads, or run it elsewhere",
            time(lag.p99_ms)
        ));
    }
    notes
}
