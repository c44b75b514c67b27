//! The attributes, the table they fill, and a request's way through it, as a
//! component has it under `wasi:http` and as an author tests it.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use futures_util::FutureExt as _;
use patchboard::extract::{MatchedPath, OriginalUri};
use patchboard::http::Request;
use patchboard::response::IntoResponse;
use patchboard::{
    Body, Bytes, Form, Method, Path, RequestId, Route, StatusCode, UrlError, delete, get, options, post,
    route, static_url, testing, url_for,
};
use serde::Deserialize;
use std::rc::Rc;

#[get("/")]
async fn root() -> &'static str {
    "root"
}

// A handler may have any name, also one that the expansion uses, and be no async fn.
#[get("/plain")]
fn request() -> &'static str {
    "plain"
}

#[get("/stacked", name = "stacked-get")]
#[delete("/stacked", name = "stacked-delete")]
async fn stacked(method: Method) -> String {
    method.to_string()
}

#[derive(Deserialize)]
struct Input {
    key: String,
}

#[post("/demo1/{name}")]
async fn demo1(Path(name): Path<String>, Form(input): Form<Input>) -> impl IntoResponse {
    // Not `Send` across an await.
    let name = Rc::new(name);
    std::future::ready(()).await;
    format!("{name} {}", input.key)
}

#[get("/files/{*rest}")]
async fn files(route: Route, id: RequestId, matched: MatchedPath, OriginalUri(uri): OriginalUri) -> String {
    let parameters = route.parameters();
    format!("{} {} {parameters:?} {id} {} {uri}", route.name(), route.pattern(), matched.as_str())
}

#[route("PROPFIND", "/dav")]
async fn propfind() -> StatusCode {
    StatusCode::MULTI_STATUS
}

#[options("/own-options")]
async fn own_options() -> &'static str {
    "own"
}

#[post("/len")]
async fn len(body: Bytes) -> String {
    body.len().to_string()
}

#[get("/{year:[0-9]{4}}-{title}.html", name = "post")]
async fn article(Path((year, title)): Path<(u16, String)>) -> String {
    format!("{year} {title}")
}

#[get("/page-{n:uint}")]
async fn page(Path(n): Path<u64>) -> String {
    n.to_string()
}

#[get("/range/{from}-{to}")]
async fn range(Path((from, to)): Path<(String, String)>) -> String {
    format!("{from} {to}")
}

#[get("/tail/{*rest}")]
async fn tail(Path(rest): Path<String>) -> String {
    rest
}

#[cfg(any())]
#[get("/compiled-out")]
async fn compiled_out_above() {}

#[get("/compiled-out")]
#[cfg(any())]
async fn compiled_out_below() {}

fn call(method: &str, uri: &str, body: impl Into<Body>) -> (StatusCode, Option<String>, String) {
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-request-id", "id-1")
        .body(body.into())
        .unwrap();
    let response = testing::call(request).now_or_never().unwrap();
    let (head, body) = response.into_parts();
    let allow = head.headers.get("allow").map(|allow| allow.to_str().unwrap().to_owned());
    let body = http_body_util::BodyExt::collect(body).now_or_never().unwrap().unwrap().to_bytes();
    (head.status, allow, String::from_utf8(body.to_vec()).unwrap())
}

#[test]
fn requests_find_their_handlers() {
    for (method, uri, body, status, expected) in [
        ("GET", "/", "", 200, "root"),
        ("HEAD", "/", "", 200, "root"),
        ("GET", "/plain", "", 200, "plain"),
        ("GET", "/stacked", "", 200, "GET"),
        ("DELETE", "/stacked", "", 200, "DELETE"),
        ("POST", "/demo1/a%20b", "key=v", 200, "a b v"),
        (
            "GET",
            "/files/a%2Fb/c?q",
            "",
            200,
            "files /files/{*rest} [(\"rest\", \"a/b/c\")] id-1 /files/{*rest} /files/a%2Fb/c?q",
        ),
        ("PROPFIND", "/dav", "", 207, ""),
        ("OPTIONS", "/own-options", "", 200, "own"),
        ("GET", "/2026-a%20b-c.html", "", 200, "2026 a b-c"),
        ("GET", "/page-7", "", 200, "7"),
        ("GET", "/page-x", "", 404, ""),
        ("GET", "/tail/a/b", "", 200, "a/b"),
        ("GET", "/tail/", "", 404, ""),
        ("GET", "/nowhere", "", 404, ""),
        ("GET", "/compiled-out", "", 404, ""),
    ] {
        let answer = call(method, uri, body);
        assert_eq!((answer.0.as_u16(), answer.2.as_str()), (status, expected), "{method} {uri}");
    }
}

#[test]
fn other_methods_are_told_which_there_are() {
    let sorted = |allow: Option<String>| {
        let mut methods: Vec<_> = allow.unwrap().split(", ").map(str::to_owned).collect();
        methods.sort();
        methods.join(" ")
    };
    let (status, allow, _) = call("PUT", "/stacked", "");
    assert_eq!((status, sorted(allow).as_str()), (StatusCode::METHOD_NOT_ALLOWED, "DELETE GET HEAD OPTIONS"));
    let (status, allow, _) = call("OPTIONS", "/dav", "");
    assert_eq!((status, sorted(allow).as_str()), (StatusCode::NO_CONTENT, "OPTIONS PROPFIND"));
}

#[test]
fn bodies_have_no_limit_of_axums() {
    let (status, _, body) = call("POST", "/len", vec![b'x'; 3 << 20]);
    assert_eq!((status, body.as_str()), (StatusCode::OK, "3145728"));
}

#[test]
fn urls_are_encoded_and_lead_back() {
    let url = url_for("post").parameter("year", 2026).parameter("title", "a/b ?").query("q", "x&y").build();
    assert_eq!(url.as_deref(), Ok("/2026-a%2Fb%20%3F.html?q=x%26y"));
    let (status, _, body) = call("GET", &url.unwrap(), "");
    assert_eq!((status, body.as_str()), (StatusCode::OK, "2026 a/b ?"));
    assert_eq!(url_for("tail").parameter("rest", "a b/c").build().as_deref(), Ok("/tail/a%20b/c"));
    assert_eq!(url_for("root").query("q", "a b").build().as_deref(), Ok("/?q=a%20b"));
    assert_eq!(url_for("root").build().as_deref(), Ok("/"));
}

#[test]
fn urls_without_the_right_parameters_are_refused() {
    let invalid = |name: &str, value: &str, reason: &str| UrlError::InvalidParameter {
        name: name.to_owned(),
        value: value.to_owned(),
        reason: reason.to_owned(),
    };
    for (url, error) in [
        (url_for("none"), UrlError::UnknownName("none".to_owned())),
        (url_for("demo1"), UrlError::MissingParameter("name".to_owned())),
        (url_for("demo1").parameter("name", 1).parameter("x", 2), UrlError::UnknownParameter("x".to_owned())),
        (
            url_for("demo1").parameter("name", 1).parameter("name", 2),
            UrlError::UnknownParameter("name".to_owned()),
        ),
        (url_for("demo1").parameter("name", ""), invalid("name", "", "it is empty")),
        (
            url_for("demo1").parameter("name", ".."),
            invalid("name", "..", "clients resolve such a segment, whatever its encoding"),
        ),
        (url_for("page").parameter("n", "x"), invalid("n", "x", "the route does not match it there")),
        (
            url_for("range").parameter("from", "a").parameter("to", "b-c"),
            invalid("from", "a", "it would be read back as another value"),
        ),
        (
            url_for("tail").parameter("rest", "a/../b"),
            invalid("rest", "a/../b", "clients resolve such a segment, whatever its encoding"),
        ),
    ] {
        assert_eq!(url.build(), Err(error));
    }
    // Nothing is known of mounts: any stands for itself.
    assert_eq!(static_url("css", "a b/site.css").as_deref(), Ok("/css/a%20b/site.css"));
}
