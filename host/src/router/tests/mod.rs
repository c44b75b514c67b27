//! The rules of the router by name, and its properties.

mod aiohttp;
mod properties;
mod rules;
mod urls;

use http::Method;

use super::{Find, RequestHost, RequestPath, Route, Slashes, Table};

/// A table whose targets are the routes as they were written; those that end in
/// ` +slashes` are redirected to.
fn table(routes: &[&str]) -> Table<String> {
    let mut table = Table::default();
    for &text in routes {
        let (text, slashes) = match text.strip_suffix(" +slashes") {
            Some(text) => (text, Slashes::Redirect),
            None => (text, Slashes::Strict),
        };
        let pattern = text.parse().unwrap();
        assert!(table.conflict(&pattern, None).is_none(), "{text} conflicts");
        table.insert(Route::new(pattern, text.to_owned()).slashes(slashes));
    }
    table
}

/// What `GET host/path` finds, as text.
fn find(table: &Table<String>, request: &str) -> String {
    let (method, rest) = request.split_once(' ').unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    let host = RequestHost::new(host);
    let method: Method = method.parse().unwrap();
    let path = match RequestPath::parse(path) {
        Ok(path) => path,
        Err(error) => return format!("400 {error}"),
    };
    match table.find(&method, &host, &path) {
        Find::Found(found) => {
            let values = found.parameters().into_iter().map(|(name, value)| format!(" {name}={value}"));
            std::iter::once(found.target().clone()).chain(values).collect()
        }
        Find::MethodNotAllowed(allow) => {
            format!("405 {}", allow.iter().map(Method::as_str).collect::<Vec<_>>().join(", "))
        }
        Find::Redirect(location) => format!("308 {location}"),
        Find::NotFound => "404".to_owned(),
    }
}

#[track_caller]
fn check(table: &Table<String>, request: &str, expected: &str) {
    assert_eq!(find(table, request), expected, "{request}\n{}", {
        let (method, rest) = request.split_once(' ').unwrap();
        let (host, path) = rest.split_at(rest.find('/').unwrap());
        table.explain(&method.parse().unwrap(), host, path)
    });
}
