//! A handler that asks the host for the URLs of routes and static files.

use patchboard::{Path, Query, get, static_url, url_for};

/// The URL of a route. The query has its parameters, and those of its own query
/// with a dot before their names.
#[get("/url-for/{name}")]
async fn ask(Path(name): Path<String>, Query(pairs): Query<Vec<(String, String)>>) -> String {
    let url = pairs.into_iter().fold(url_for(&name), |url, (name, value)| match name.strip_prefix('.') {
        Some(name) => url.query(name, value),
        None => url.parameter(&name, value),
    });
    url.build().unwrap_or_else(|error| format!("error: {error}"))
}

/// The URL of a file.
#[get("/static-url/{mount}/{*path}")]
async fn ask_static(Path((mount, path)): Path<(String, String)>) -> String {
    static_url(&mount, &path).unwrap_or_else(|error| format!("error: {error}"))
}

/// Tells what it was called with.
#[get("/items/{id:int}")]
async fn item(Path(id): Path<String>) -> String {
    id
}

/// Likewise, of a segment that mixes parameters with other text.
#[get("/posts/{year:[0-9]{4}}-{title}.html")]
async fn post(Path((year, title)): Path<(u16, String)>) -> String {
    format!("{year} {title}")
}

/// Likewise, of all that is left.
#[get("/files/{*rest}")]
async fn files(Path(rest): Path<String>) -> String {
    rest
}
