//! Request paths: split and decoded as the rule in `router/path.rs` says.
//!
//! The input is a path. A second decoder, written for clarity alone, says what its
//! segments are and all that is wrong with it; the host must find the same segments, or
//! one of those faults.

use patchboard_server::router::{PathError, RequestPath};

/// Runs the target.
pub fn run(data: &[u8]) {
    let Ok(path) = std::str::from_utf8(data) else { return };
    let expected: Vec<_> = path.split('/').skip(1).map(decode).collect();
    let faults = faults(path, &expected);
    let parsed = match RequestPath::parse(path) {
        Ok(parsed) => parsed,
        Err(error) => return assert!(faults.contains(&error), "{path:?}: {error}, not one of {faults:?}"),
    };
    assert!(faults.is_empty(), "{path:?} is accepted in spite of {faults:?}");
    assert_eq!(parsed.as_sent(), path);
    let segments: Vec<Vec<u8>> = parsed.segments().map(<[u8]>::to_vec).collect();
    let expected: Vec<Vec<u8>> = expected.into_iter().flatten().collect();
    assert_eq!(segments, expected, "{path:?}");
    assert_is_read_back(&segments, |byte| format!("%{byte:02X}"));
    assert_is_read_back(&segments, |byte| match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    });
}

/// None where a percent sign has no two digits after it.
fn decode(segment: &str) -> Option<Vec<u8>> {
    let mut pieces = segment.split('%');
    let mut decoded = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.as_bytes().split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
        decoded.extend(rest);
    }
    Some(decoded)
}

fn faults(path: &str, segments: &[Option<Vec<u8>>]) -> Vec<PathError> {
    let decoded = || segments.iter().flatten();
    let faults = [
        (!path.starts_with('/'), PathError::NotAbsolute),
        (segments.contains(&None), PathError::BadEncoding),
        (decoded().any(|segment| matches!(&**segment, b"." | b"..")), PathError::DotSegment),
        // Also in a segment that cannot be decoded for what follows.
        (path.contains('\0') || path.contains("%00"), PathError::Nul),
    ];
    faults.into_iter().filter(|(present, _)| *present).map(|(_, fault)| fault).collect()
}

/// However segments are encoded, they are the same path.
fn assert_is_read_back(segments: &[Vec<u8>], encode: impl Fn(u8) -> String) {
    let encoded = |segment: &Vec<u8>| segment.iter().map(|byte| encode(*byte)).collect::<String>();
    let path: String = segments.iter().map(|segment| format!("/{}", encoded(segment))).collect();
    match RequestPath::parse(&path) {
        Ok(again) => assert!(again.segments().eq(segments.iter().map(Vec::as_slice)), "{path}"),
        Err(error) => panic!("{path}: {error}"),
    }
}
