//! Our router and aiohttp's UrlDispatcher, asked the same.
//!
//! In `tests/aiohttp/`, `table.json` has routes and requests; `aiohttp.json` is what
//! aiohttp answers (`aiohttp_table.py`), to which an end-to-end test holds it, as here
//! is no Python. A request on which the two differ says so: what ours answers, and
//! why. A difference without a reason fails, and so does a reason without a difference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::{Find, RequestHost, RequestPath, Route, Table};

#[derive(Deserialize)]
struct File {
    reasons: BTreeMap<String, String>,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    routes: Vec<RouteText>,
    requests: Vec<RequestText>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RouteText {
    Same(String),
    Own { ours: String },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RequestText {
    Same(String),
    Differs { request: String, ours: String, why: String },
}

#[derive(Deserialize)]
struct Answers {
    aiohttp: String,
    groups: Vec<GroupAnswers>,
}

#[derive(Deserialize)]
struct GroupAnswers {
    name: String,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    status: u16,
    route: Option<usize>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    allow: Vec<String>,
}

impl Answer {
    fn text(&self) -> String {
        match (self.status, self.route) {
            (_, Some(route)) => format!("{route} {:?}", self.parameters),
            (405, _) => format!("405 {}", self.allow.join(",")),
            (status, _) => status.to_string(),
        }
    }
}

fn ours(table: &Table<usize>, request: &str) -> String {
    let (method, target) = request.split_once(' ').unwrap();
    let (host, path) = target.split_at(target.find('/').unwrap());
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let host = RequestHost::new(host);
    let Ok(path) = RequestPath::parse(path) else { return "400".to_owned() };
    match table.find(&method.parse().unwrap(), &host, &path) {
        Find::Found(found) => {
            let mut parameters: BTreeMap<_, _> = found.parameters().into_iter().collect();
            // aiohttp's domains have no parameters.
            parameters.retain(|name, _| !found.route.pattern.host.parameter_names().any(|host| host == name));
            format!("{} {parameters:?}", found.target())
        }
        Find::MethodNotAllowed(allow) => {
            // Ours also answers OPTIONS, and says so; the rest is compared.
            let allow = allow.iter().map(http::Method::as_str).filter(|method| *method != "OPTIONS");
            format!("405 {}", allow.collect::<Vec<_>>().join(","))
        }
        Find::Redirect(to) => format!("308 {to}"),
        Find::NotFound => "404".to_owned(),
    }
}

#[test]
fn the_router_agrees_with_aiohttp_but_for_listed_reasons() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/aiohttp");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let file: File = serde_json::from_str(&read("table.json")).unwrap();
    let answers: Answers = serde_json::from_str(&read("aiohttp.json")).unwrap();
    assert!(answers.aiohttp.starts_with("3.14."), "{}", answers.aiohttp);
    assert_eq!(file.groups.len(), answers.groups.len());
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for (group, theirs) in file.groups.iter().zip(&answers.groups) {
        assert_eq!(group.name, theirs.name, "run aiohttp_table.py again");
        assert_eq!(group.requests.len(), theirs.answers.len(), "run aiohttp_table.py again");
        let mut table = Table::default();
        for (number, text) in group.routes.iter().enumerate() {
            let (RouteText::Same(text) | RouteText::Own { ours: text }) = text;
            // `OPTIONS` apart, a method that is `*` is every method to both.
            let pattern = text.strip_prefix("* ").unwrap_or(text).parse().unwrap();
            assert!(table.conflict(&pattern, None).is_none(), "{}: {text}", group.name);
            table.insert(Route::new(pattern, number));
        }
        for (request, theirs) in group.requests.iter().zip(&theirs.answers) {
            let mut theirs = theirs.text();
            if let Some(methods) = theirs.strip_prefix("405 ") {
                let methods: Vec<_> = methods.split(',').filter(|method| *method != "OPTIONS").collect();
                theirs = format!("405 {}", methods.join(","));
            }
            match request {
                RequestText::Same(request) => {
                    let ours = ours(&table, request);
                    if ours != theirs {
                        wrong.push(format!("{}\t{request}\tours: {ours}\taiohttp: {theirs}", group.name));
                    }
                }
                RequestText::Differs { request, ours: expected, why } => {
                    let ours = ours(&table, request);
                    assert!(file.reasons.contains_key(why), "there is no reason `{why}`");
                    used.insert(why);
                    if ours != *expected || ours == theirs {
                        wrong.push(format!(
                            "{}\t{request}\tours: {ours}, not {expected} ({why})\taiohttp: {theirs}",
                            group.name
                        ));
                    }
                }
            }
        }
    }
    let needless: Vec<_> = file.reasons.keys().filter(|reason| !used.contains(reason)).collect();
    assert!(needless.is_empty(), "no difference has these reasons: {needless:?}");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
