//! Figures for people: three digits that matter, and a unit. Pure.

/// A time, in the unit that suits it.
pub(crate) fn time(milliseconds: f64) -> String {
    if milliseconds >= 1000.0 {
        format!("{} s", digits(milliseconds / 1000.0))
    } else if milliseconds >= 1.0 || milliseconds == 0.0 {
        format!("{} ms", digits(milliseconds))
    } else {
        format!("{} µs", digits(milliseconds * 1000.0))
    }
}

/// A number of bytes, in decimal units.
pub(crate) fn bytes(count: f64) -> String {
    let (mut value, mut unit) = (count, "B");
    for larger in ["kB", "MB", "GB", "TB"] {
        if value < 1000.0 {
            break;
        }
        (value, unit) = (value / 1000.0, larger);
    }
    format!("{} {unit}", digits(value))
}

/// Three digits that matter, and all before the point.
pub(crate) fn digits(value: f64) -> String {
    let magnitude = value.abs();
    let places = match magnitude {
        _ if magnitude >= 99.95 || magnitude == 0.0 => 0,
        _ if magnitude >= 9.995 => 1,
        _ if magnitude >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.places$}")
}

/// A count, with thin gaps between thousands.
pub(crate) fn count(count: u64) -> String {
    let text = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && (text.len() - index).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// A share, per cent.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0 %".to_owned();
    }
    format!("{} %", digits(100.0 * part as f64 / whole as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit() {
        for (milliseconds, expected) in [
            (0.0, "0 ms"),
            (0.0123, "12.3 µs"),
            (0.5, "500 µs"),
            (1.0, "1.00 ms"),
            (99.96, "100 ms"),
            (1234.0, "1.23 s"),
        ] {
            assert_eq!(time(milliseconds), expected);
        }
        for (count, expected) in [(0.0, "0 B"), (999.0, "999 B"), (1500.0, "1.50 kB"), (2.5e9, "2.50 GB")] {
            assert_eq!(bytes(count), expected);
        }
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(count(number), expected);
        }
        assert_eq!(percent(1, 3), "33.3 %");
    }
}
