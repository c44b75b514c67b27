//! One rule for the names that operators give, whatever they are of: a handler, a bucket, a
//! static mount, a route.
//!
//! They become parts of files' names, of URLs' names and of log lines, so that what may be
//! in one is what needs no escaping in any of them. Parameters of routes are not among
//! these: they are identifiers of the guest's language.

/// The longest name; with an ending it is still the name of a file.
const LONGEST: usize = 128;

/// Checks the name of `kind`, such as "a bucket".
///
/// # Errors
///
/// Says which names there may be.
pub fn check_name(kind: &str, name: &str) -> Result<(), String> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_long = name.is_empty() || name.len() > LONGEST;
    if is_long || name.starts_with('.') || !name.bytes().all(is_known) {
        return Err(format!(
            "`{}`: the name of {kind} has letters, digits, `-`, `_` and `.` only, 1 to {LONGEST} of them, \
             the first of which is not `.`",
            name.escape_debug()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["a", "orders", "Orders-2_b", "a.b", "-", "_", "9", &"x".repeat(LONGEST)] {
            assert_eq!(check_name("a bucket", name), Ok(()));
        }
        for name in
            ["", ".", "..", ".hidden", "a b", "a/b", "ü", "a\n", "a\u{1b}[2J", &"x".repeat(LONGEST + 1)]
        {
            let error = check_name("a bucket", name).unwrap_err();
            assert!(
                error.contains("the name of a bucket has") && !error.contains(char::is_control),
                "{error}"
            );
        }
    }
}
