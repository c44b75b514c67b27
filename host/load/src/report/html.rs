//! A report as one page that needs nothing else: its style, plots and tables are in it,
//! and it follows the reader's choice of light or dark.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use super::model::{Report, RoundRow, ratio};
use super::number::{bytes, count, digits, percent, time};
use super::plot::{Axis, Line, Plot};
use super::text::{LATENCY_ROWS, ROUND_HEAD, notes, round_cells};

const STYLE: &str = include_str!("report.css");

/// Writes the page.
pub(crate) fn write(report: &Report, path: &Path) -> anyhow::Result<()> {
    std::fs::write(path, page(report))
        .with_context(|| format!("could not write {}; is its folder there?", path.display()))
}

fn page(report: &Report) -> String {
    let target = escaped(&report.target);
    let began = humantime::format_rfc3339_seconds(
        std::time::UNIX_EPOCH + std::time::Duration::from_secs(report.began_s),
    );
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Load on {target}</title>\
         <style>{STYLE}</style></head><body><main>\
         <header><h1>{target}</h1><p>{}; {}; {began}</p></header>",
        escaped(&report.load),
        escaped(&report.ended)
    );
    cards(report, &mut page);
    for note in notes(report) {
        let _ = write!(page, "<p class=\"note\">{}</p>", escaped(&note));
    }
    if report.latency.is_some() {
        if report.rounds.is_empty() {
            over_time(report, &mut page);
        } else {
            by_round(report, &mut page);
        }
        curve(report, &mut page);
        if report.rounds.is_empty() {
            throughput(report, &mut page);
        }
    }
    tables(report, &mut page);
    page.push_str("</main></body></html>\n");
    page
}

fn cards(report: &Report, page: &mut String) {
    let at = |value: fn(&super::model::Latency) -> f64| {
        report.latency.as_ref().map_or("–".to_owned(), |latency| time(value(latency)))
    };
    let failed = if report.failed > 0 { "bad" } else { "" };
    page.push_str("<section class=\"cards\">");
    for (name, value, class) in [
        ("requests", count(report.requests), ""),
        ("requests/s", digits(report.requests_per_second), ""),
        ("50 % within", at(|latency| latency.p50_ms), ""),
        ("99 % within", at(|latency| latency.p99_ms), ""),
        ("failed", percent(report.failed, report.requests), failed),
        ("received", bytes(report.received_bytes as f64), ""),
    ] {
        if name == "requests/s" && !report.rounds.is_empty() {
            continue;
        }
        let _ = write!(page, "<div class=\"card {class}\"><b>{value}</b><span>{name}</span></div>");
    }
    page.push_str("</section>");
}

fn figure(page: &mut String, title: &str, legend: &[(&str, &str)], plot: &Plot<'_>) {
    let _ = write!(page, "<figure><figcaption><b>{title}</b><span class=\"legend\">");
    for (class, name) in legend {
        let _ = write!(page, "<span><i class=\"{class}\"></i>{name}</span>");
    }
    let _ = write!(page, "</span></figcaption>{}</figure>", plot.svg(title));
}

fn over_time(report: &Report, page: &mut String) {
    let slices: Vec<_> =
        report.slices.iter().filter(|slice| slice.requests > 0 && slice.longest_ms > 0.0).collect();
    let points = |value: fn(&super::model::SliceRow) -> f64| {
        slices.iter().map(|slice| (slice.start_s + slice.seconds / 2.0, value(slice))).collect()
    };
    let most = slices.iter().map(|slice| slice.longest_ms).fold(0.0, f64::max);
    let hints = slices.iter().map(|slice| {
        let text = format!(
            "{:.1} s: {} requests, 50 % {}, 99 % {}, longest {}",
            slice.start_s,
            count(slice.requests),
            time(slice.p50_ms),
            time(slice.p99_ms),
            time(slice.longest_ms)
        );
        (slice.start_s, slice.start_s + slice.seconds, text)
    });
    let plot = Plot {
        x: Axis::exact("time, s", end_s(report)),
        y: Axis::linear("latency, ms", most),
        lines: vec![
            Line { class: "longest", points: points(|slice| slice.longest_ms) },
            Line { class: "p99", points: points(|slice| slice.p99_ms) },
            Line { class: "p50", points: points(|slice| slice.p50_ms) },
        ],
        hints: hints.collect(),
    };
    figure(page, "Latency over time", &[("p50", "50 %"), ("p99", "99 %"), ("longest", "longest")], &plot);
}

fn by_round(report: &Report, page: &mut String) {
    let points = |value: fn(&RoundRow) -> f64| -> Vec<_> {
        report.rounds.iter().map(|row| (f64::from(row.number), value(row))).collect()
    };
    // Rounds are counted from one on; ticks are never between two of them.
    let count = report.rounds.len() as f64;
    let mut x = Axis::exact("round", count);
    x.low = if count > 1.0 { 1.0 } else { 0.0 };
    x.ticks.retain(|(value, _)| *value >= 1.0 && value.fract() == 0.0);
    x.ticks.iter_mut().for_each(|(value, label)| *label = format!("{value:.0}"));
    let plot = |label, lines: Vec<Line<'static>>| {
        let values = lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
        let y = Axis::linear(label, values.fold(0.0, f64::max));
        Plot { x: x.clone(), y, lines, hints: Vec::new() }
    };
    let latency = plot(
        "latency, ms",
        vec![
            Line { class: "longest", points: points(|row| row.longest_ms) },
            Line { class: "p99", points: points(|row| row.top90_ms) },
            Line { class: "p50", points: points(|row| row.mean_ms) },
        ],
    );
    let legend = [("p50", "mean"), ("p99", "top 90 %"), ("longest", "longest")];
    figure(page, "Latency by round", &legend, &latency);
    let rate = plot("requests/s", vec![Line { class: "p50", points: points(|row| row.requests_per_second) }]);
    figure(page, "Throughput by round", &[], &rate);
}

/// By nines: as far from 90 to 99 per cent as from 99 to 99.9.
fn curve(report: &Report, page: &mut String) {
    let place = |percent: f64| -(1.0 - percent / 100.0).log10();
    let points: Vec<_> = report.curve.iter().map(|(percent, latency)| (place(*percent), *latency)).collect();
    let high = points.last().map_or(1.0, |(place, _)| place.max(0.5));
    let most = points.iter().map(|(_, latency)| *latency).fold(0.0, f64::max);
    let ticks = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999]
        .into_iter()
        .map(|percent| (place(percent), format!("{percent}")));
    let plot = Plot {
        x: Axis {
            label: "share of requests, %",
            low: 0.0,
            high,
            ticks: ticks.filter(|(place, _)| *place <= high + 1e-9).collect(),
        },
        y: Axis::linear("latency, ms", most),
        lines: vec![Line { class: "p50", points }],
        hints: Vec::new(),
    };
    figure(page, "Latency by share of requests", &[], &plot);
}

fn throughput(report: &Report, page: &mut String) {
    // What was seen of the last slice may be too short to tell a rate from.
    let slices: Vec<_> = report.slices.iter().filter(|slice| slice.seconds >= 0.05).collect();
    let points = |value: fn(&super::model::SliceRow) -> u64| -> Vec<_> {
        let rate = |slice: &super::model::SliceRow| ratio(value(slice) as f64, slice.seconds);
        slices.iter().map(|slice| (slice.start_s + slice.seconds / 2.0, rate(slice))).collect()
    };
    let rates = points(|slice| slice.requests);
    let most = rates.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let mut lines = vec![Line { class: "p50", points: rates }];
    let mut legend = vec![("p50", "all")];
    if report.failed > 0 {
        lines.push(Line { class: "failed", points: points(|slice| slice.failed) });
        legend.push(("failed", "failed"));
    }
    let plot = Plot {
        x: Axis::exact("time, s", end_s(report)),
        y: Axis::linear("requests/s", most),
        lines,
        hints: Vec::new(),
    };
    figure(page, "Throughput", &legend, &plot);
}

fn end_s(report: &Report) -> f64 {
    report.slices.last().map_or(1.0, |slice| slice.start_s + slice.seconds)
}

fn tables(report: &Report, page: &mut String) {
    if !report.rounds.is_empty() {
        let rows = report.rounds.iter().map(|row| round_cells(row).to_vec());
        table(page, "Rounds", "", &ROUND_HEAD, rows);
    }
    page.push_str("<section class=\"tables\">");
    if let Some(latency) = &report.latency {
        let mut columns = vec![("latency", latency)];
        columns.extend(report.service.as_ref().map(|service| ("from sending on", service)));
        columns.extend(report.lag.as_ref().map(|lag| ("client’s own delay", lag)));
        let head: Vec<_> = [""].into_iter().chain(columns.iter().map(|(name, _)| *name)).collect();
        let rows = LATENCY_ROWS.iter().map(|(name, value)| {
            let cells = columns.iter().map(|(_, latency)| time(value(latency)));
            std::iter::once((*name).to_owned()).chain(cells).collect()
        });
        table(page, "Latency", "", &head, rows);
    }
    let statuses = report
        .statuses
        .iter()
        .map(|(status, n)| vec![status.to_string(), count(*n), percent(*n, report.requests)]);
    table(page, "Statuses", "", &["status", "requests", "share"], statuses);
    page.push_str("</section>");
    if report.by_request.len() > 1 {
        let rows = report.by_request.iter().map(|row| {
            let of = |value: fn(&super::model::Latency) -> f64| {
                row.latency.as_ref().map_or("–".to_owned(), |latency| time(value(latency)))
            };
            vec![
                row.name.clone(),
                count(row.requests),
                count(row.failed),
                of(|latency| latency.p50_ms),
                of(|latency| latency.p99_ms),
            ]
        });
        table(page, "By request", "", &["request", "requests", "failed", "50 %", "99 %"], rows);
    }
    if !report.failures.is_empty() {
        let rows = report
            .failures
            .iter()
            .map(|row| vec![row.class.name().to_owned(), count(row.count), row.example.clone()]);
        table(page, "Failures", "words", &["what", "requests", "for example"], rows);
    }
}

/// Of figures, but for the last column where the class is `words`.
fn table(
    page: &mut String,
    title: &str,
    class: &str,
    head: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) {
    let _ = write!(page, "<div class=\"table\"><h2>{title}</h2><table class=\"{class}\"><thead><tr>");
    for cell in head {
        let _ = write!(page, "<th>{cell}</th>");
    }
    page.push_str("</tr></thead><tbody>");
    for row in rows {
        page.push_str("<tr>");
        for cell in row {
            let _ = write!(page, "<td>{}</td>", escaped(&cell));
        }
        page.push_str("</tr>");
    }
    page.push_str("</tbody></table></div>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_no_markup() {
        assert_eq!(escaped("<a href=\"&\">"), "&lt;a href=&quot;&amp;&quot;&gt;");
        let mut page = String::new();
        table(&mut page, "T", "", &["h"], [vec!["<script>".to_owned()]].into_iter());
        assert!(page.contains("<td>&lt;script&gt;</td>"), "{page}");
    }
}
