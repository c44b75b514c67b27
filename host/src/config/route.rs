//! Routes, and the names that they and static mounts have.

use super::key::{Key, Table, Unset};
use super::reader::Section;
use super::types::RouteConfig;
use crate::name::check_name;
use crate::router::RoutePattern;

/// An entry of `routes` that is a table.
pub(super) static ROUTE: Table<()> = Table {
    header: "routes = [{ … }]",
    noun: "a route",
    intro: "A route of a handler with a name. The configuration may put a host before the path, as in \
            `GET {tenant}.example.com/items`; `NAME.toml` may not.",
    example: r#"
[server]
handlers = "handlers"

[handlers.items]
routes = [{ route = "GET /items/{id}", name = "item" }]
"#,
    keys: &[
        Key::other(
            "route",
            A_ROUTE,
            Unset::Required,
            "The method, where it is for one only, and the pattern.",
        ),
        Key::other(
            "name",
            A_NAME,
            Unset::Said("the pattern"),
            "What `url_for` asks for, and what the handler is told.",
        ),
    ],
};

/// What is written for `routes`.
pub(super) const ROUTES: &str = "a route such as \"GET /items/{id}\", or a list of them";
/// What `routes` means.
pub(super) const ROUTES_TEXT: &str =
    "What it answers: `METHOD /pattern`, or `/pattern` for every method; or tables, to give them names.";
/// What is written for a route.
pub(super) const A_ROUTE: &str = "a route such as \"GET /items/{id}\"";
/// What is written for its name.
pub(super) const A_NAME: &str = "a name such as \"item\"";

/// The key `routes`.
pub(super) fn routes(section: &Section<'_, '_>) -> Option<Vec<RouteConfig>> {
    let unnamed = |text: &str| parse_route(text).map(|route| RouteConfig { route, name: None });
    section.list_or_tables("routes", A_ROUTE, unnamed, |section| {
        ROUTE.read(&section, &mut ());
        let (route, name) = named_route(&section);
        Some(RouteConfig { route: route?, name })
    })
}

/// The keys `route` and `name`, which several tables have.
pub(super) fn named_route(section: &Section<'_, '_>) -> (Option<RoutePattern>, Option<String>) {
    (section.parse("route", A_ROUTE, parse_route), name(section, "a route"))
}

/// The key `name`, of what pages ask for links by.
pub(super) fn name(section: &Section<'_, '_>, kind: &str) -> Option<String> {
    section.parse("name", A_NAME, |name| check_name(kind, name).map(|()| name.to_owned()))
}

fn parse_route(text: &str) -> Result<RoutePattern, String> {
    let route: RoutePattern = text.parse().map_err(|error: crate::router::PatternError| error.to_string())?;
    match route.method.slip() {
        Some(slip) => Err(format!("`{text}`: {slip}")),
        None => Ok(route),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_a_method_is_no_method_of_its_own() {
        for (text, nearest) in
            [("GTE /a", "GET"), ("POTS /a", "POST"), ("DELET /a", "DELETE"), ("HAED /", "HEAD")]
        {
            let error = parse_route(text).unwrap_err();
            assert!(error.contains("unknown method") && error.contains(nearest), "{error}");
        }
        for text in ["GET /a", "/a", "* /a", "QUERY /a", "PROPFIND /a", "PURGE /a", "LIST /a", "MERGE /a"] {
            assert!(parse_route(text).is_ok(), "{text}");
        }
    }
}
