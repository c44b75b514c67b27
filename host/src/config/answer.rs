//! `[[redirect]]` and `[[response]]`: their keys and their defaults.

use super::AnswerConfig;
use super::reader::Section;
use crate::answers::{Answer, FixedResponse, Redirect};
use crate::router::RoutePattern;

/// What a route without a method is redirected with: method and body stay.
const PERMANENT: u32 = 308;

pub(super) fn redirect(section: Section<'_, '_>) -> Option<AnswerConfig> {
    let (route, name) = route(&section);
    let status = section.count("status").unwrap_or(PERMANENT);
    // What `to` may hold depends on the route, so it cannot be judged without.
    let answer = match &route {
        Some(route) => section.parse("to", TO, |to| Redirect::parse(route, to, status)),
        None => section.string("to").and(None),
    };
    if !section.has("route") || !section.has("to") {
        section.problem("a redirect needs `route` and `to`");
    }
    section.finish();
    Some(AnswerConfig { route: route?, name, answer: Answer::Redirect(answer?) })
}

pub(super) fn response(section: Section<'_, '_>) -> Option<AnswerConfig> {
    let (route, name) = route(&section);
    let status = section.count("status").unwrap_or(200);
    let headers = section.section("headers").strings_by_key();
    let body = section.string("body").unwrap_or_default();
    if !section.has("route") {
        section.problem("a fixed response needs `route`");
    }
    let response = match FixedResponse::new(status, &headers, body) {
        Ok(response) => Some(response),
        Err(error) => {
            section.problem(error);
            None
        }
    };
    section.finish();
    Some(AnswerConfig { route: route?, name, answer: Answer::Fixed(response?) })
}

const TO: &str = "a path or URL such as \"/items/{id}\"";

fn route(section: &Section<'_, '_>) -> (Option<RoutePattern>, Option<String>) {
    let route = section.parse("route", "a route such as \"GET /old/{id}\"", str::parse::<RoutePattern>);
    (route, section.string("name"))
}
