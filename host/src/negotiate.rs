//! Quality values in `Accept` and `Accept-Encoding` (RFC 9110 section 12.4.2).
//! Pure, allocates nothing.

use http::HeaderMap;
use http::header::{ACCEPT, HeaderName};

/// The quality, in thousandths, that a list header gives to `token`, by name and
/// in any case. `None` where it is not named; a malformed weight is no weight at
/// all, and its element is passed over. Of several the first counts.
pub fn quality(headers: &HeaderMap, header: &HeaderName, token: &str) -> Option<u16> {
    let lines = headers.get_all(header).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).find_map(|element| {
        let mut parts = element.split(';').map(|part| part.trim_matches([' ', '\t']));
        if !parts.next()?.eq_ignore_ascii_case(token) {
            return None;
        }
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        weight.map_or(Some(1000), thousandths)
    })
}

/// The quality of a media type, by the most specific range that holds it.
/// Without `Accept`, or with an empty one, everything is welcome.
pub fn media_quality(headers: &HeaderMap, media_type: &str) -> u16 {
    let has_any = headers.get_all(ACCEPT).iter().any(|line| !line.as_bytes().trim_ascii().is_empty());
    if !has_any {
        return 1000;
    }
    let of = |range: &str| quality(headers, &ACCEPT, range);
    let family = || {
        let (family, _) = media_type.split_once('/')?;
        // `text/*`: built on the stack of a rare path, for listings and pages.
        of(&format!("{family}/*"))
    };
    of(media_type).or_else(family).or_else(|| of("*/*")).unwrap_or(0)
}

/// `0`, `1`, or either with up to three decimals.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let whole = match whole {
        "0" => 0,
        "1" => 1000,
        _ => return None,
    };
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut fraction: u16 = 0;
    for digit in decimals.bytes().chain(std::iter::repeat(b'0')).take(3) {
        fraction = fraction * 10 + u16::from(digit - b'0');
    }
    let quality: u16 = whole + fraction;
    (quality <= 1000).then_some(quality)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn weights() {
        for (weight, expected) in [
            ("0", Some(0)),
            ("1", Some(1000)),
            ("0.5", Some(500)),
            ("0.05", Some(50)),
            ("0.123", Some(123)),
            ("1.000", Some(1000)),
            ("0.", Some(0)),
            ("1.001", None),
            ("0.1234", None),
            ("2", None),
            ("", None),
            ("-1", None),
            ("0.a", None),
            (".5", None),
        ] {
            assert_eq!(thousandths(weight), expected, "{weight}");
        }
    }

    #[test]
    fn media_types() {
        for (accept, html, json) in [
            ("", 1000, 1000),
            ("*/*", 1000, 1000),
            ("application/json", 0, 1000),
            ("text/html,application/xhtml+xml,*/*;q=0.8", 1000, 800),
            ("text/*;q=0.3, text/html;level=1;q=0.7", 700, 0),
            ("text/html;q=0, */*", 0, 1000),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(media_quality(&headers, "text/html"), html, "{accept}");
            assert_eq!(media_quality(&headers, "application/json"), json, "{accept}");
        }
    }
}
