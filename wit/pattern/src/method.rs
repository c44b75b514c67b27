//! The methods that a route may have.

use crate::GrammarError;

/// Checks the method of a route: capitals and `-`, or `*` for every method. Case counts
/// (RFC 9110, section 9.1), and no registered method has other characters.
///
/// # Errors
///
/// If no request that reaches a route has this method.
pub fn check_method(method: &str) -> Result<(), GrammarError> {
    let is_method =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    let capitals = method.to_ascii_uppercase();
    match method {
        "*" => Ok(()),
        "CONNECT" => Err(GrammarError::new(0, "CONNECT asks for a tunnel and has no path to match", "")),
        _ if is_method(method) => Ok(()),
        _ if is_method(&capitals) => Err(GrammarError::new(
            0,
            format!("`{method}` is not a method"),
            format!("write `{capitals}`: methods are case-sensitive"),
        )),
        _ => Err(GrammarError::new(
            0,
            format!("`{method}` is not a method"),
            "write capital letters and `-`, or `*` for every method",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods() {
        for valid in ["GET", "PROPFIND", "M-SEARCH", "*"] {
            assert_eq!(check_method(valid), Ok(()), "{valid}");
        }
        for (invalid, part) in [
            ("", "not a method"),
            ("get", "write `GET`"),
            ("Post", "write `POST`"),
            ("propfind", "write `PROPFIND`"),
            ("A B", "not a method"),
            ("GÉT", "not a method"),
            ("**", "not a method"),
            ("CONNECT", "tunnel"),
        ] {
            let error = check_method(invalid).unwrap_err().to_string();
            assert!(error.contains(part), "{invalid}: {error}");
        }
    }
}
