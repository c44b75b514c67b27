//! What stands between the brackets of an attribute.
//!
//! Comes in: `"/pattern"` or `"METHOD", "/pattern"`, either followed by
//! `name = "…"`. Goes out: a checked [`RouteArguments`]; every error lies on the
//! literal that caused it.

use patchboard_pattern::{Pattern, check_method};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitStr, Result, Token};

/// A route as its attribute states it, valid in itself.
pub(crate) struct RouteArguments {
    pub(crate) method: String,
    pub(crate) pattern: String,
    /// The name of the route; `None` takes the function's.
    pub(crate) name: Option<String>,
}

/// The arguments of an attribute whose own name is the method.
pub(crate) struct FixedMethod {
    pattern: String,
    name: Option<String>,
}

impl FixedMethod {
    pub(crate) fn with_method(self, method: &str) -> RouteArguments {
        RouteArguments { method: method.to_owned(), pattern: self.pattern, name: self.name }
    }
}

impl Parse for FixedMethod {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let pattern = parse_pattern(input)?;
        let name = parse_name(input)?;
        Ok(Self { pattern, name })
    }
}

/// The arguments of `#[route]`.
pub(crate) struct FreeMethod(RouteArguments);

impl FreeMethod {
    pub(crate) fn into_route(self) -> RouteArguments {
        self.0
    }
}

impl Parse for FreeMethod {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let method: LitStr = input.parse().map_err(|error| {
            Error::new(error.span(), "expected a method, as in `#[route(\"PROPFIND\", \"/files\")]`")
        })?;
        check_method(&method.value()).map_err(|error| Error::new(method.span(), error))?;
        input.parse::<Token![,]>()?;
        let FixedMethod { pattern, name } = input.parse()?;
        Ok(Self(RouteArguments { method: method.value(), pattern, name }))
    }
}

fn parse_pattern(input: ParseStream<'_>) -> Result<String> {
    let literal: LitStr = input
        .parse()
        .map_err(|error| Error::new(error.span(), "expected a pattern, as in `#[get(\"/items/{id}\")]`"))?;
    let pattern = literal.value();
    Pattern::parse(&pattern).map_err(|error| Error::new(literal.span(), error))?;
    match foreign(&pattern) {
        Some(reason) => Err(Error::new(literal.span(), reason)),
        None => Ok(pattern),
    }
}

/// What is a parameter in the grammar of another framework, and would be text here.
fn foreign(pattern: &str) -> Option<String> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    pattern.split('/').find_map(|segment| {
        let (name, tail) = match segment.split_at_checked(1)? {
            (":", name) => (name, false),
            ("*", "") => ("path", true),
            ("*", name) => (name, true),
            ("<", rest) => {
                let inner = rest.strip_suffix('>')?;
                // Of `<int:id>` and `<id..>` the name.
                let name = inner.rsplit_once(':').map_or(inner, |(_, name)| name);
                (name.trim_end_matches("..").trim_end_matches('*'), inner.ends_with(".."))
            }
            _ => return None,
        };
        let star = if tail { "*" } else { "" };
        is_name(name)
            .then(|| format!("`{segment}` would be text here: a parameter is written `{{{star}{name}}}`"))
    })
}

fn parse_name(input: ParseStream<'_>) -> Result<Option<String>> {
    if input.is_empty() {
        return Ok(None);
    }
    input.parse::<Token![,]>()?;
    if input.is_empty() {
        return Ok(None);
    }
    let key: Ident = input.parse()?;
    if key != "name" {
        return Err(Error::new(key.span(), "the only option is `name = \"…\"`"));
    }
    input.parse::<Token![=]>()?;
    let literal: LitStr = input.parse()?;
    let name = literal.value();
    check_name(&name).map_err(|reason| Error::new(literal.span(), reason))?;
    input.parse::<Option<Token![,]>>()?;
    Ok(Some(name))
}

/// A route's name is used in configuration keys, log fields and `url-for`.
fn check_name(name: &str) -> std::result::Result<(), String> {
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if valid {
        Ok(())
    } else {
        Err(format!(
            "`{name}` is no name for a route: use letters, digits, `_`, `-` and `.`, and begin with a letter or `_`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_frameworks_write() {
        for (pattern, parameter) in [
            ("/a/:id", "{id}"),
            ("/a/<id>/b", "{id}"),
            ("/a/<int:id>", "{id}"),
            ("/a/<path..>", "{*path}"),
            ("/a/*rest", "{*rest}"),
            ("/a/*", "{*path}"),
        ] {
            let reason = foreign(pattern).unwrap();
            assert!(reason.ends_with(&format!("is written `{parameter}`")), "{pattern}: {reason}");
        }
        for pattern in ["/a/{id}", "/a:b", "/:", "/a/<>", "/a/12:30", "/**", "/<a b>"] {
            assert_eq!(foreign(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn names() {
        for valid in ["demo1", "_x", "a.b-c"] {
            assert_eq!(check_name(valid), Ok(()), "{valid}");
        }
        for invalid in ["", "1a", "a b", "ä", "a\""] {
            assert!(check_name(invalid).is_err(), "{invalid}");
        }
    }
}
