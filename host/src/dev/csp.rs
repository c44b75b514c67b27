//! Whether a page's Content-Security-Policy lets a script of its own origin run, and be told of
//! changes by it (CSP 3, section 6). Pure.

use http::HeaderMap;
use http::header::CONTENT_SECURITY_POLICY;

/// Whether all policies of a page do. What is not understood is taken for a no.
pub(super) fn allows_own_script(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(CONTENT_SECURITY_POLICY).iter();
    fields.map(|field| field.to_str()).all(|field| field.is_ok_and(|field| field.split(',').all(allows)))
}

fn allows(policy: &str) -> bool {
    let directives: Vec<Vec<String>> = policy
        .split(';')
        .map(|directive| directive.split_ascii_whitespace().map(str::to_ascii_lowercase).collect())
        .collect();
    let find = |name: &str| directives.iter().find(|words| words.first().is_some_and(|word| word == name));
    // The first that is there says it.
    let sources = |names: &[&str]| names.iter().find_map(|name| find(name)).and_then(|words| words.get(1..));
    let own = |sources: &[String]| sources.iter().any(|source| source == "'self'" || source == "*");
    let scripts = sources(&["script-src-elem", "script-src", "default-src"]);
    let connections = sources(&["connect-src", "default-src"]);
    // Then only what has a nonce or a hash may run.
    let is_strict = |sources: &[String]| sources.iter().any(|source| source == "'strict-dynamic'");
    let has_sandbox = find("sandbox").is_some_and(|words| {
        !["allow-scripts", "allow-same-origin"].iter().all(|word| words.iter().any(|own| own == word))
    });
    scripts.is_none_or(|sources| own(sources) && !is_strict(sources))
        && connections.is_none_or(own)
        && !has_sandbox
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_has_no_room_for_it_is_found() {
        for (policies, expected) in [
            (&[][..], true),
            (&["default-src 'self'"], true),
            (&["default-src *; img-src 'none'"], true),
            (&["default-src 'none'"], false),
            (&["default-src 'none'; script-src 'self'; connect-src 'self'"], true),
            (&["default-src 'none'; SCRIPT-SRC 'Self'"], false),
            (&["script-src 'nonce-abc'"], false),
            (&["script-src 'self' 'nonce-abc'"], true),
            (&["script-src 'self' 'strict-dynamic' 'nonce-abc'"], false),
            (&["script-src 'self'; script-src-elem https://cdn.example"], false),
            (&["img-src 'self'"], true),
            (&["default-src 'self'", "connect-src 'none'"], false),
            (&["default-src 'self', connect-src 'none'"], false),
            (&["sandbox allow-forms"], false),
            (&["sandbox allow-scripts allow-same-origin"], true),
        ] {
            let headers: HeaderMap =
                policies.iter().map(|policy| (CONTENT_SECURITY_POLICY, policy.parse().unwrap())).collect();
            assert_eq!(allows_own_script(&headers), expected, "{policies:?}");
        }
    }
}
