//! Properties: of all patterns, paths and tables.

use http::Method;
use proptest::prelude::*;

use super::super::{Find, RequestHost, RequestPath, Route, RoutePattern, Table, Verdict};

/// A place of a pattern, from few, so that routes meet.
fn place() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a",
        "b",
        "1",
        "é",
        "{{",
        "{P}",
        "{P:int}",
        "{P:slug}",
        "{P:hex}",
        "{P}-{Q}",
        "{P}.x",
        "v{P}",
        "{P:[ab]+}",
        r"{P:\d{2}}",
        "{P:a.*}",
        "{P:int}-{Q}",
        "{P:(?:a|1)+}",
    ])
}

fn host() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "", "x.org", "{H}.org", "{H:int}.org", "{*H}.org", "{H:[x1]+}.org"])
}

fn route() -> impl Strategy<Value = String> {
    let method = prop::sample::select(vec!["GET ", "POST ", "HEAD ", ""]);
    let end = prop::sample::select(vec!["", "", "/", "/{*t}"]);
    (method, host(), prop::collection::vec(place(), 1..4), end).prop_map(|(method, host, places, end)| {
        let places = places.iter().enumerate().map(|(at, place)| {
            "/".to_owned() + &place.replace("{P", &format!("{{p{at}")).replace("{Q", &format!("{{q{at}"))
        });
        format!("{method}{host}{}{end}", places.collect::<String>())
    })
}

fn request() -> impl Strategy<Value = (&'static str, &'static str, String)> {
    let text = prop::sample::select(vec![
        "a", "b", "1", "12", "é", "ab", "a-b", "1-b", "a.x", "v1", "va.x", "%7B", "-1", "", "%ff", "a%2Fb",
        "aa", "11",
    ]);
    let method = prop::sample::select(vec!["GET", "POST", "HEAD", "PUT"]);
    let host = prop::sample::select(vec!["", "x.org", "1.org", "y.org", "y.x.org", "x"]);
    (method, host, prop::collection::vec(text, 1..5))
        .prop_map(|(m, h, texts)| (m, h, "/".to_owned() + &texts.join("/")))
}

fn table(routes: &[String]) -> Table<String> {
    let mut table = Table::default();
    for text in routes {
        let pattern: RoutePattern = text.parse().unwrap();
        if table.conflict(&pattern, None).is_none() {
            table.insert(Route::new(pattern, text.clone()));
        }
    }
    table
}

fn find(table: &Table<String>, method: &str, host: &str, path: &str) -> String {
    let (host, path) = (RequestHost::new(host), RequestPath::parse(path).unwrap());
    match table.find(&method.parse().unwrap(), &host, &path) {
        Find::Found(found) => format!("{} {:?}", found.target(), found.parameters()),
        Find::MethodNotAllowed(allow) => format!("405 {allow:?}"),
        Find::Redirect(location) => format!("308 {location}"),
        Find::NotFound => "404".to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn precedence_does_not_depend_on_the_order_of_insertion(
        routes in prop::collection::vec(route(), 1..12),
        seed in any::<prop::sample::Index>(),
        requests in prop::collection::vec(request(), 20),
    ) {
        // Which of two that tie is refused depends on the order, so only those that
        // the first table took are put into the second.
        let first = table(&routes);
        let mut taken: Vec<String> = first.routes().map(|route| route.target.clone()).collect();
        let turn = seed.index(taken.len());
        taken.rotate_left(turn);
        taken.reverse();
        let second = table(&taken);
        prop_assert_eq!(second.routes().count(), taken.len(), "none is refused in another order");
        let order = |table: &Table<String>| table.routes().map(|r| r.target.clone()).collect::<Vec<_>>();
        prop_assert_eq!(order(&first), order(&second));
        for (method, host, path) in requests {
            prop_assert_eq!(find(&first, method, host, &path), find(&second, method, host, &path));
        }
    }

    #[test]
    fn the_tree_finds_what_asking_every_route_finds(
        routes in prop::collection::vec(route(), 1..12),
        requests in prop::collection::vec(request(), 20),
    ) {
        let table = table(&routes);
        for (method, host, path) in requests {
            let method: Method = method.parse().unwrap();
            let explained = table.explain(&method, host, &path);
            let matching: Vec<_> = explained.candidates.iter()
                .filter(|c| !matches!(c.verdict, Verdict::Missed(_) | Verdict::LessSpecificHost)).collect();
            let answering: Vec<_> = matching.iter().filter(|c| c.verdict != Verdict::OtherMethod).collect();
            let (parsed, host) = (RequestPath::parse(&path).unwrap(), RequestHost::new(host));
            match table.find(&method, &host, &parsed) {
                Find::Found(found) => {
                    // At one place a route of the method itself comes before others.
                    let first = answering.first().unwrap().route;
                    prop_assert_eq!(&first.pattern.pattern.as_str().replace(['p', 'q'], ""),
                        &found.route.pattern.pattern.as_str().replace(['p', 'q'], ""));
                    prop_assert!(matches!(answering.iter().find(|c| std::ptr::eq(c.route, found.route)), Some(c) if matches!(c.verdict, Verdict::Won(_))));
                }
                Find::MethodNotAllowed(_) => prop_assert!(answering.is_empty() && !matching.is_empty()),
                Find::NotFound => prop_assert!(matching.is_empty()),
                Find::Redirect(_) => prop_assert!(false),
            }
        }
    }

    #[test]
    fn what_url_for_makes_the_pattern_reads_back(
        route in route(),
        values in prop::collection::vec(
            prop_oneof!["[ab1-]{1,3}", "[0-9]{1,3}", "\\PC{1,4}", "[a-z/]{0,5}", "[.]{1,2}", "[/%?#&;+ ]{1,3}"], 12),
    ) {
        let pattern: RoutePattern = route.parse().unwrap();
        let names: Vec<String> = pattern.parameter_names().map(str::to_owned).collect();
        let parameters: Vec<(&str, &str)> =
            names.iter().map(String::as_str).zip(values.iter().map(String::as_str)).collect();
        let mut table = Table::default();
        let method = pattern.method.as_str().replace('*', "GET");
        table.insert(Route::new(pattern, ()).named("r"));
        if let Ok(url) = table.url_for("r", &parameters) {
            prop_assert!(url.to_string().parse::<http::Uri>().is_ok() || url.host.is_some(), "{}", url);
            prop_assert!(url.path.is_ascii() && !url.path.starts_with("//"));
            let authority = url.host.unwrap_or_default();
            let (host, path) = (RequestHost::new(&authority), RequestPath::parse(&url.path).unwrap());
            match table.find(&method.parse().unwrap(), &host, &path) {
                Find::Found(found) => {
                    let found = found.parameters();
                    let found: Vec<(&str, &str)> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                    prop_assert_eq!(found, parameters);
                }
                other => prop_assert!(false, "{} is not found: {:?}", url.path, other),
            }
        }
    }

    #[test]
    fn every_found_request_has_its_url(route in route(), request in request()) {
        let pattern: RoutePattern = route.parse().unwrap();
        let mut table = Table::default();
        table.insert(Route::new(pattern, ()).named("r"));
        let (method, host, path) = request;
        let (host, path) = (RequestHost::new(host), RequestPath::parse(&path).unwrap());
        if let Find::Found(found) = table.find(&method.parse().unwrap(), &host, &path) {
            let values = found.parameters();
            let parameters: Vec<(&str, &str)> = values.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            if !values.iter().any(|(_, value)| value.contains('\u{fffd}')) {
                let url = table.url_for("r", &parameters).unwrap();
                // A tail's value does not tell `%2F` from `/`, so values are compared.
                let again = RequestPath::parse(&url.path).unwrap();
                match table.find(&method.parse().unwrap(), &host, &again) {
                    Find::Found(again) => prop_assert_eq!(again.parameters(), found.parameters()),
                    other => prop_assert!(false, "{}: {:?}", url, other),
                }
            }
        }
    }

    #[test]
    fn parsing_never_panics(text in "\\PC{0,40}", soup in "[a/{}:*\\\\.%d+()\\[\\]0-9 -]{0,30}", bytes in any::<Vec<u8>>()) {
        for text in [&text, &soup, &String::from_utf8_lossy(&bytes).into_owned()] {
            if let Ok(route) = text.parse::<RoutePattern>() {
                prop_assert_eq!(&route.to_string().parse::<RoutePattern>().unwrap(), &route);
                let routes = table(std::slice::from_ref(text));
                _ = routes.explain(&Method::GET, text, "/a/b").to_string();
            }
            if let Ok(path) = RequestPath::parse(text) {
                let host = RequestHost::new(text);
                let routes = table(&["/{a}/{b:.+}/{*c}".to_owned(), "{x}-{y}.z/{a}".to_owned()]);
                _ = format!("{:?}", routes.find(&Method::GET, &host, &path));
            }
        }
    }
}
