//! Header and trailer fields between `http` and the packed form of the WIT. Pure.

use super::bindings::patchboard::handler::types::Fields;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Packs all fields; one that occurs several times is listed several times.
pub(crate) fn pack(headers: &HeaderMap) -> Fields {
    let text_len = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let mut text = Vec::with_capacity(text_len);
    let mut ends = Vec::with_capacity(headers.len() * 2);
    for (name, value) in headers {
        text.extend_from_slice(name.as_str().as_bytes());
        ends.push(text.len() as u32);
        text.extend_from_slice(value.as_bytes());
        ends.push(text.len() as u32);
    }
    Fields { text, ends }
}

/// Unpacks what the host sent. The values share one allocation. A field that is
/// not valid, which no host sends, is left out.
pub(crate) fn unpack(fields: Fields) -> HeaderMap {
    let text = Bytes::from(fields.text);
    let mut headers = HeaderMap::with_capacity(fields.ends.len() / 2);
    let mut start = 0;
    for pair in fields.ends.chunks_exact(2) {
        let (name_end, value_end) = (pair[0] as usize, pair[1] as usize);
        let range_is_valid = start <= name_end && name_end <= value_end && value_end <= text.len();
        if !range_is_valid {
            break;
        }
        let name = HeaderName::from_bytes(&text[start..name_end]);
        let value = HeaderValue::from_maybe_shared(text.slice(name_end..value_end));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
        start = value_end;
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_survive_the_crossing() {
        let mut headers = HeaderMap::new();
        headers.append("accept", HeaderValue::from_static("text/html"));
        headers.append("x-empty", HeaderValue::from_static(""));
        headers.append("cookie", HeaderValue::from_static("a=1"));
        headers.append("cookie", HeaderValue::from_static("b=2"));
        headers.append("x-bytes", HeaderValue::from_bytes(b"\xff\xfe").unwrap());

        let packed = pack(&headers);
        assert_eq!(packed.ends.len(), 10);
        assert_eq!(packed.ends.last().copied(), Some(packed.text.len() as u32));
        assert_eq!(unpack(packed), headers);
    }

    #[test]
    fn the_packed_form_is_that_of_the_wit() {
        let mut headers = HeaderMap::new();
        headers.append("a", HeaderValue::from_static("bc"));
        headers.append("de", HeaderValue::from_static(""));
        let packed = pack(&headers);
        assert_eq!(packed.text, b"abcde");
        assert_eq!(packed.ends, [1, 3, 5, 5]);
    }

    #[test]
    fn bad_offsets_are_not_followed() {
        for ends in [vec![9, 10], vec![2, 1], vec![1]] {
            let fields = Fields { text: b"abc".to_vec(), ends };
            assert!(unpack(fields).is_empty());
        }
    }
}
