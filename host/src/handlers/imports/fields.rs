//! Header fields as they cross: packed into two lists (`wit/handler.wit`, `fields`).

use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};

use crate::fields::is_of_connection;
use crate::handlers::bindings::types::Fields;

/// The most fields a response may have, and the most bytes in them.
const MOST_FIELDS: usize = 256;
const MOST_BYTES: usize = 64 << 10;

/// Packs fields, which are those that the handler may see.
pub(in crate::handlers) fn pack(headers: &HeaderMap) -> Fields {
    let mut fields = Fields { text: Vec::with_capacity(512), ends: Vec::with_capacity(2 * headers.len()) };
    for (name, value) in headers {
        push(&mut fields, name.as_str().as_bytes());
        push(&mut fields, value.as_bytes());
    }
    fields
}

fn push(fields: &mut Fields, bytes: &[u8]) {
    fields.text.extend_from_slice(bytes);
    // The head of a request is far shorter than 4 GiB.
    fields.ends.push(u32::try_from(fields.text.len()).unwrap_or(u32::MAX));
}

/// Unpacks the fields of a response and checks them.
pub(in crate::handlers) fn unpack(fields: &Fields) -> Result<HeaderMap, String> {
    if !fields.ends.len().is_multiple_of(2) {
        return Err("`ends` has an odd number of entries".to_owned());
    }
    if fields.ends.len() > 2 * MOST_FIELDS || fields.text.len() > MOST_BYTES {
        return Err(format!(
            "there are more than {MOST_FIELDS} fields, or more than {MOST_BYTES} bytes in them"
        ));
    }
    let mut headers = HeaderMap::new();
    let mut start = 0;
    let mut next = |end: u32| {
        let end = end as usize;
        let bytes = fields.text.get(start..end).ok_or("`ends` does not ascend within `text`")?;
        start = end;
        Ok::<_, &str>(bytes)
    };
    for &[name, value] in fields.ends.as_chunks().0 {
        let (name, value) = (next(name)?, next(value)?);
        let name = HeaderName::from_lowercase(name)
            .map_err(|_| format!("`{}` is not a field name in lower case", String::from_utf8_lossy(name)))?;
        let value = HeaderValue::from_bytes(value)
            .map_err(|_| format!("the value of `{name}` has a control character"))?;
        if is_of_connection(&name) {
            continue;
        }
        headers.try_append(name, value).map_err(|_| "there are too many fields".to_owned())?;
    }
    if start != fields.text.len() {
        return Err("`ends` does not cover `text`".to_owned());
    }
    if headers.get_all(CONTENT_LENGTH).iter().count() > 1 {
        return Err("there is more than one content-length".to_owned());
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str, ends: &[u32]) -> Fields {
        Fields { text: text.as_bytes().to_vec(), ends: ends.to_vec() }
    }

    #[test]
    fn packing_round_trips_without_the_connections_fields() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "a"),
            ("accept", "x"),
            ("accept", "y"),
            ("connection", "close"),
            ("te", "trailers"),
            ("x-empty", ""),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let unpacked = unpack(&pack(&headers)).unwrap();
        let mut list: Vec<_> = unpacked.iter().map(|(n, v)| format!("{n}={}", v.to_str().unwrap())).collect();
        list.sort();
        assert_eq!(list, ["accept=x", "accept=y", "host=a", "x-empty="]);
    }

    #[test]
    fn fields_are_bounded() {
        let many: Vec<u32> = (0..=256).flat_map(|n| [2 * n + 1, 2 * n + 2]).collect();
        assert!(unpack(&fields(&"ab".repeat(257), &many)).unwrap_err().contains("256 fields"));
    }

    #[test]
    fn bad_fields_are_refused() {
        for (fields, part) in [
            (fields("ab", &[1]), "odd"),
            (fields("ab", &[2, 1]), "ascend"),
            (fields("ab", &[1, 3]), "ascend"),
            (fields("abc", &[1, 2]), "cover"),
            (fields("Ab", &[1, 2]), "lower case"),
            (fields("a b", &[2, 3]), "lower case"),
            (fields("a\n", &[1, 2]), "control"),
            (fields("a", &[0, 1]), "lower case"),
        ] {
            let error = unpack(&fields).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
