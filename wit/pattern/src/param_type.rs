//! The named types of parameters: `{id:int}`.
//!
//! | type | grammar | further |
//! |---|---|---|
//! | `bool` | `true\|false` | |
//! | `uuid` | 8-4-4-4-12 hexadecimal digits, either case | |
//! | `date` | `YYYY-MM-DD` | a day of the Gregorian calendar |
//! | `uint` | `[0-9]+` | fits 64 bits unsigned |
//! | `int` | `-?[0-9]+` | fits 64 bits signed |
//! | `float` | `-?[0-9]+(\.[0-9]+)?` | no exponent, no infinity |
//! | `hex` | `[0-9A-Fa-f]+` | |
//! | `alpha` | `[A-Za-z]+` | |
//! | `alnum` | `[0-9A-Za-z]+` | |
//! | `slug` | `[-_0-9A-Za-z]+` | as Django's |
//!
//! All are ASCII, and never empty. The order of the table is their precedence: a
//! type comes before every type that contains it.

/// A named type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParamType {
    /// `true` or `false`.
    Bool,
    /// A UUID in its text form.
    Uuid,
    /// A calendar date.
    Date,
    /// An unsigned whole number of 64 bits.
    Uint,
    /// A whole number of 64 bits.
    Int,
    /// A decimal number.
    Float,
    /// Hexadecimal digits.
    Hex,
    /// ASCII letters.
    Alpha,
    /// ASCII letters and digits.
    Alnum,
    /// ASCII letters, digits, `-` and `_`.
    Slug,
}

impl ParamType {
    /// All of them, in the order of precedence.
    pub const ALL: [Self; 10] = [
        Self::Bool,
        Self::Uuid,
        Self::Date,
        Self::Uint,
        Self::Int,
        Self::Float,
        Self::Hex,
        Self::Alpha,
        Self::Alnum,
        Self::Slug,
    ];

    /// The type of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Its name in patterns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::Uint => "uint",
            Self::Int => "int",
            Self::Float => "float",
            Self::Hex => "hex",
            Self::Alpha => "alpha",
            Self::Alnum => "alnum",
            Self::Slug => "slug",
        }
    }

    /// Its grammar as a regex, without the further conditions.
    pub fn grammar(self) -> &'static str {
        match self {
            Self::Bool => "true|false",
            Self::Uuid => "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
            Self::Date => "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])",
            Self::Uint => "[0-9]+",
            Self::Int => "-?[0-9]+",
            Self::Float => r"-?[0-9]+(?:\.[0-9]+)?",
            Self::Hex => "[0-9A-Fa-f]+",
            Self::Alpha => "[A-Za-z]+",
            Self::Alnum => "[0-9A-Za-z]+",
            Self::Slug => "[-_0-9A-Za-z]+",
        }
    }

    /// Whether `text` is of this type.
    #[inline]
    pub fn accepts(self, text: &[u8]) -> bool {
        let all = |allowed: fn(&u8) -> bool| !text.is_empty() && text.iter().all(allowed);
        match self {
            Self::Bool => matches!(text, b"true" | b"false"),
            Self::Uuid => is_uuid(text),
            Self::Date => is_date(text),
            Self::Uint => all(u8::is_ascii_digit) && (text.len() < 20 || parses::<u64>(text)),
            Self::Int => {
                let digits = text.strip_prefix(b"-").unwrap_or(text);
                !digits.is_empty()
                    && digits.iter().all(u8::is_ascii_digit)
                    && (digits.len() < 19 || parses::<i64>(text))
            }
            Self::Float => is_float(text),
            Self::Hex => all(u8::is_ascii_hexdigit),
            Self::Alpha => all(u8::is_ascii_alphabetic),
            Self::Alnum => all(u8::is_ascii_alphanumeric),
            Self::Slug => all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')),
        }
    }
}

fn parses<N: std::str::FromStr>(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<N>().is_ok())
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_float(text: &[u8]) -> bool {
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    match unsigned.iter().position(|&b| b == b'.').and_then(|dot| unsigned.split_at_checked(dot)) {
        None => digits(unsigned),
        Some((whole, fraction)) => digits(whole) && fraction.strip_prefix(b".").is_some_and(digits),
    }
}

fn is_date(text: &[u8]) -> bool {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return false };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_u32, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
    };
    let (Some(year), Some(month), Some(day)) =
        (number(&[y1, y2, y3, y4]), number(&[m1, m2]), number(&[d1, d2]))
    else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: &str, yes: &[&str], no: &[&str]) {
        let kind = ParamType::parse(kind).unwrap();
        for text in yes {
            assert!(kind.accepts(text.as_bytes()), "{text} is of type {}", kind.as_str());
        }
        for text in no.iter().chain(&["", " 1", "1 ", "١", "\n"]) {
            assert!(!kind.accepts(text.as_bytes()), "{text:?} is not of type {}", kind.as_str());
        }
    }

    #[test]
    fn types_accept_their_grammar() {
        check("bool", &["true", "false"], &["True", "1", "truefalse"]);
        check(
            "uuid",
            &["6F9619FF-8b86-d011-b42d-00c04fc964ff", "00000000-0000-0000-0000-000000000000"],
            &["6f9619ff8b86d011b42d00c04fc964ff", "6f9619ff-8b86-d011-b42d-00c04fc964fg", "{6f9619ff}"],
        );
        check(
            "date",
            &["2024-02-29", "2000-02-29", "0001-12-31"],
            &["2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-04-31", "2024-1-01", "24-01-01"],
        );
        check("uint", &["0", "007", "18446744073709551615"], &["-1", "18446744073709551616", "+1"]);
        check(
            "int",
            &["0", "-5", "007", "9223372036854775807", "-9223372036854775808", "0000000000000000000000001"],
            &["-", "--1", "+1", "9223372036854775808", "1.0", "1e3"],
        );
        check("float", &["0", "-1.50", "3.14"], &["1.", ".5", "-", "1e3", "NaN", "inf", "1.2.3"]);
        check("hex", &["deadBEEF", "0"], &["0x1", "g"]);
        check("alpha", &["aZ"], &["a1", "é", "a-b"]);
        check("alnum", &["a1Z"], &["a-b", "a_b"]);
        check("slug", &["a-b_C-1", "-"], &["a.b", "é"]);
    }
}
