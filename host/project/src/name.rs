//! What a handler may be called: what cargo takes for a package, Rust for a crate and the
//! server for a handler. Pure.

/// Words that no crate may be called.
const KEYWORDS: &str = "abstract as async await become box break const continue crate do dyn else enum extern false final \
                        fn for gen if impl in let loop macro match mod move mut override priv pub ref return self static \
                        struct super trait true try type typeof unsafe unsized use virtual where while yield";

/// Crates that are there without a dependency.
const OF_RUST: [&str; 7] = ["alloc", "core", "proc-macro", "proc_macro", "std", "test", "main"];

/// The most that crates.io takes.
const LONGEST: usize = 64;

/// Whether a handler may have this name; `dependencies` are the names of crates that it uses.
///
/// # Errors
///
/// Why not, and a name that would do.
pub(crate) fn check<'d>(name: &str, mut dependencies: impl Iterator<Item = &'d str>) -> Result<(), String> {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    let is_long = name.len() > LONGEST;
    if is_long || !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.bytes().all(is_known) {
        return Err(format!(
            "`{}` is no name for a handler: it begins with a letter and has lower-case letters, digits, `-` and `_`, \
             {LONGEST} at most; take another, such as {}",
            name.escape_debug(),
            like(name)
        ));
    }
    let same = |other: &str| other.replace('-', "_") == name.replace('-', "_");
    let whose = match owner(name) {
        None if dependencies.any(same) => "a crate that handlers use",
        None => return Ok(()),
        Some(owner) => owner,
    };
    Err(format!(
        "`{name}` is no name for a handler: it is that of {whose}; take another, such as {name}-handler"
    ))
}

/// What has this name in every crate.
fn owner(name: &str) -> Option<&'static str> {
    match name {
        _ if KEYWORDS.split(' ').any(|keyword| keyword == name) => Some("a keyword of Rust's"),
        _ if OF_RUST.contains(&name) => Some("a crate of Rust's own"),
        _ => None,
    }
}

/// A name that resembles `name` and will do.
fn like(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join("-");
    let begun = joined.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let short: String = begun.chars().take(LONGEST / 2).collect();
    match short.trim_end_matches('-') {
        "" => "hello".to_owned(),
        owned if owner(owned).is_some() => format!("{owned}-handler"),
        free => free.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_will_do() {
        for name in ["hello", "a", "my-shop", "my_shop", "shop2", "a-", "http", &"x".repeat(64)] {
            assert_eq!(check(name, ["serde"].into_iter()), Ok(()), "{name}");
        }
    }

    #[test]
    fn others_are_refused_with_one_that_will() {
        for (name, instead) in [
            ("", "hello"),
            ("my shop", "my-shop"),
            (" shop", "shop"),
            ("Shop", "shop"),
            ("a/b", "a-b"),
            ("../up", "up"),
            (".", "hello"),
            ("shop.wasm", "shop-wasm"),
            ("2nd", "nd"),
            ("-shop", "shop"),
            ("grüße", "gr-e"),
            ("日本", "hello"),
            ("a\nb", "a-b"),
            ("match", "match-handler"),
            ("self", "self-handler"),
            ("gen", "gen-handler"),
            ("Match", "match-handler"),
            ("std", "std-handler"),
            ("test", "test-handler"),
            ("proc_macro", "proc_macro-handler"),
            ("serde", "serde-handler"),
            ("futures_executor", "futures_executor-handler"),
            (&"x".repeat(65), &*"x".repeat(32)),
        ] {
            let error = check(name, ["serde", "futures-executor"].into_iter()).unwrap_err();
            assert!(error.ends_with(&format!("; take another, such as {instead}")), "{name}: {error}");
            assert!(!error.contains('\n'), "{error}");
            assert_eq!(check(instead, ["serde", "futures-executor"].into_iter()), Ok(()), "{instead}");
        }
    }
}
