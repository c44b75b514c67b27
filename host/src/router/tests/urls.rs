//! URLs of named routes.

use super::super::{Route, Table, TieReason, UrlError};

fn table() -> Table<()> {
    let mut table = Table::default();
    for (name, route) in [
        ("home", "GET /"),
        ("item", "GET /items/{id:int}"),
        ("file", "GET /files/{*path}"),
        ("all", "GET /{*path}"),
        ("pair", "GET /{a}-{b}.html"),
        ("year", r"GET /y/{year:\d{4}}"),
        ("plain", "GET /café {{x}}/{name}/"),
        ("tenant", "GET {tenant}.example.com/{page}"),
        ("deep", "GET {*sub}.example.com/"),
        ("fixed", "GET www.example.com/x"),
    ] {
        table.insert(Route::new(route.parse().unwrap(), ()).named(name));
    }
    table
}

#[track_caller]
fn check(name: &str, parameters: &[(&str, &str)], expected: Result<&str, &str>) {
    match (table().url_for(name, parameters).map(|url| url.to_string()), expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected),
        (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
        (found, expected) => panic!("{name}: {found:?}, expected {expected:?}"),
    }
}

#[test]
fn values_are_encoded_for_where_they_stand() {
    check("home", &[], Ok("/"));
    check("item", &[("id", "-7")], Ok("/items/-7"));
    check("plain", &[("name", "a/b?c#d%é e")], Ok("/caf%C3%A9%20%7Bx%7D/a%2Fb%3Fc%23d%25%C3%A9%20e/"));
    check("plain", &[("name", "a:b@c!$&'()*+,;=~._-")], Ok("/caf%C3%A9%20%7Bx%7D/a:b@c!$&'()*+,;=~._-/"));
    check("file", &[("path", "a b/c?/")], Ok("/files/a%20b/c%3F/"));
    check("file", &[("path", "")], Ok("/files/"));
    check("file", &[("path", "/x//y")], Ok("/files//x//y"));
    check("pair", &[("a", "x-y"), ("b", "z")], Ok("/x-y-z.html"));
    check("year", &[("year", "2024")], Ok("/y/2024"));
}

#[test]
fn hosts_are_part_of_the_url() {
    check("tenant", &[("tenant", "acme"), ("page", "p")], Ok("//acme.example.com/p"));
    check("deep", &[("sub", "a.b")], Ok("//a.b.example.com/"));
    check("fixed", &[], Ok("//www.example.com/x"));
    check("tenant", &[("tenant", "a.b"), ("page", "p")], Err("`tenant` cannot be `a.b`"));
    check("tenant", &[("tenant", "a/b"), ("page", "p")], Err("a label of a host"));
    check("tenant", &[("tenant", "a:1@x"), ("page", "p")], Err("a label of a host"));
    check("deep", &[("sub", "a..b")], Err("a label of a host"));
    check("deep", &[("sub", "")], Err("a label of a host"));
}

#[test]
fn what_would_not_come_back_is_refused() {
    check("none", &[], Err("no route is named `none`"));
    check("item", &[], Err("the parameter `id` is missing"));
    check("item", &[("id", "1"), ("x", "2")], Err("there is no parameter `x`"));
    check("item", &[("id", "1"), ("id", "2")], Err("given twice"));
    check("item", &[("id", "x")], Err("`id` cannot be `x`"));
    check("item", &[("id", "")], Err("`id` cannot be ``"));
    check("year", &[("year", "24")], Err("`year` cannot be `24`"));
    check("plain", &[("name", "")], Err("it is empty"));
    check("plain", &[("name", "..")], Err("clients resolve"));
    check("plain", &[("name", "a\0")], Err("NUL"));
    check("pair", &[("a", "x"), ("b", "y-z")], Err("read back as another value"));
    check("file", &[("path", "a/../b")], Err("`.` or `..`"));
    check("file", &[("path", "\0")], Err("NUL"));
    check("all", &[("path", "/evil.example/")], Err("names a host"));
    check("all", &[("path", "")], Ok("/"));
}

#[test]
fn queries_are_encoded() {
    let url = table().url_for("home", &[]).unwrap().with_query(&[("q", "a b&c=d+é"), ("page", "/2?")]);
    assert_eq!(url.to_string(), "/?q=a%20b%26c%3Dd%2B%C3%A9&page=/2?");
    assert_eq!(table().url_for("home", &[]).unwrap().with_query(&[]).to_string(), "/");
}

#[test]
fn a_name_belongs_to_one_host_and_path() {
    let table = table();
    let reason = |route: &str| table.conflict(&route.parse().unwrap(), Some("item")).map(|c| c.reason);
    assert_eq!(reason("POST /items/{id:int}"), None);
    assert_eq!(reason("POST /items/{n:int}"), Some(TieReason::Name("item".to_owned())));
    assert_eq!(reason("GET /elsewhere"), Some(TieReason::Name("item".to_owned())));
    assert!(matches!(table.url_for("x", &[]), Err(UrlError::NoRoute { .. })));
}
