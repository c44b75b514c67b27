//! `[[redirect]]` and `[[response]]`: their keys and their defaults.

use super::key::{Key, Table, Unset};
use super::reader::Section;
use super::route::{A_NAME, A_ROUTE, named_route};
use super::types::AnswerConfig;
use super::unit::quoted;
use crate::answers::{Answer, FixedResponse, Redirect};

/// What is written of an answer, beside its route.
pub(super) struct Written {
    status: u32,
}

impl Written {
    /// Method and body of a redirected request stay.
    pub(super) fn redirect() -> Self {
        Self { status: 308 }
    }

    pub(super) fn response() -> Self {
        Self { status: 200 }
    }
}

/// `[[redirect]]`.
pub(super) static REDIRECT: Table<Written> = Table {
    header: "[[redirect]]",
    noun: "a redirect",
    intro: "A route that is redirected. Its query stays, unless `to` has one.",
    example: r#"
[[redirect]]
route = "GET /old/{id:int}"
to = "/items/{id}"

[[redirect]]
route = "example.org/{*rest}"
to = "https://example.com/{*rest}"
status = 301
"#,
    keys: &[
        Key::other("route", A_ROUTE, Unset::Required, "What is redirected."),
        Key::other(
            "to",
            TO,
            Unset::Required,
            "Where to: a path or a URL, with the route's parameters in it, each encoded for where it stands.",
        ),
        Key::count("status", 1, |w| &mut w.status, "301, 302, 303, 307 or 308."),
        Key::other("name", A_NAME, Unset::Said("none"), "What `url_for` asks for."),
    ],
};

/// `[[response]]`.
pub(super) static RESPONSE: Table<Written> = Table {
    header: "[[response]]",
    noun: "a fixed response",
    intro: "A route that is always answered the same.",
    example: r#"
[[response]]
route = "GET /robots.txt"
body = "User-agent: *\nDisallow: /admin\n"
headers = { cache-control = "max-age=3600" }
"#,
    keys: &[
        Key::other("route", A_ROUTE, Unset::Required, "What is answered."),
        Key::count("status", 1, |w| &mut w.status, "200 to 599."),
        Key::other("headers", "a table of strings", Unset::Said("none"), "Fields of the response."),
        Key::other("body", "a string", Unset::Shown(|_| quoted("")), "The body, as text."),
        Key::other("name", A_NAME, Unset::Said("none"), "What `url_for` asks for."),
    ],
};

const TO: &str = "a path or URL such as \"/items/{id}\"";

pub(super) fn redirect(section: &Section<'_, '_>) -> Option<AnswerConfig> {
    let mut written = Written::redirect();
    REDIRECT.read(section, &mut written);
    let (route, name) = named_route(section);
    // What `to` may hold depends on the route, so it cannot be judged without.
    let answer = match &route {
        Some(route) => section.parse("to", TO, |to| Redirect::parse(route, to, written.status)),
        None => section.string("to").and(None),
    };
    Some(AnswerConfig { route: route?, name, answer: Answer::Redirect(answer?) })
}

pub(super) fn response(section: &Section<'_, '_>) -> Option<AnswerConfig> {
    let mut written = Written::response();
    RESPONSE.read(section, &mut written);
    let (route, name) = named_route(section);
    let headers = section.section("headers").strings_by_key();
    let body = section.string("body").unwrap_or_default();
    let response = FixedResponse::new(written.status, &headers, body);
    let response = response.map_err(|error| section.problem(error)).ok();
    Some(AnswerConfig { route: route?, name, answer: Answer::Fixed(response?) })
}
