//! Times, sizes and strings, as they are written and shown.

use std::fmt::Display;
use std::time::Duration;

const TIMES: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const SIZES: [(&str, u64); 5] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1), ("", 1)];

/// `"500ms"`, `"30s"`, `"5m"`, `"1h"` or `"2d"`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    scaled(text, &TIMES).map(Duration::from_millis)
}

/// `"65536"`, `"64KiB"`, `"16 MiB"` or `"2GiB"`.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    scaled(&text.replace('_', ""), &SIZES)
}

pub(crate) fn show_duration(time: Duration) -> String {
    show(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), &TIMES, "0s")
}

/// As it is written: a number where there is no unit for it.
pub(crate) fn show_bytes(size: u64) -> String {
    let text = show(size, &SIZES[..3], "0");
    if text.ends_with('B') { format!("\"{text}\"") } else { text }
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = (text.get(..unit)?, text.get(unit..)?.trim());
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// With the largest unit of which it is a whole number.
fn show(value: u64, units: &[(&str, u64)], zero: &str) -> String {
    match units.iter().find(|(_, factor)| value.is_multiple_of(*factor)) {
        _ if value == 0 => zero.to_owned(),
        Some((unit, factor)) => format!("{}{unit}", value / factor),
        None => value.to_string(),
    }
}

/// `"a", "b" or "c"`.
pub(crate) fn either(words: &[&str]) -> String {
    let (last, others) = words.split_last().unwrap_or((&"", &[]));
    let others: Vec<_> = others.iter().map(quoted).collect();
    if others.is_empty() { quoted(last) } else { format!("{} or {}", others.join(", "), quoted(last)) }
}

/// As a string of a configuration.
pub(crate) fn quoted(text: impl Display) -> String {
    format!("\"{text}\"")
}

/// As an array of strings of a configuration.
pub(crate) fn quoted_list(items: impl IntoIterator<Item = impl Display>) -> String {
    format!("[{}]", items.into_iter().map(quoted).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("30", None),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(duration(text), expected.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("65536", Some(65_536)),
            ("64KiB", Some(65_536)),
            ("16 MiB", Some(16 << 20)),
            ("2GiB", Some(2 << 30)),
            ("64KB", None),
            ("", None),
            ("-1", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn they_are_shown_in_the_largest_unit_that_fits() {
        for (milliseconds, expected) in
            [(0, "0s"), (1, "1ms"), (1500, "1500ms"), (75_000, "75s"), (60_000, "1m")]
        {
            assert_eq!(show_duration(Duration::from_millis(milliseconds)), expected);
        }
        for (size, expected) in [(0, "0"), (1000, "1000"), (1 << 10, "\"1KiB\""), (3 << 29, "\"1536MiB\"")] {
            assert_eq!(show_bytes(size), expected);
        }
    }
}
