//! Patterns of routes: parsing, precedence, matching, and the URLs made from them.
//!
//! The input is up to four routes, a line each, and in the last line a request, `METHOD
//! host/path`. What a route was parsed from is written and read again; a table gives the
//! same answer in whatever order its routes came, which each route asked by itself, and
//! where it is simple a second matcher, confirms; a URL leads back to its parameters.

use std::borrow::Cow;

use http::Method;
use patchboard_server::router::{
    Conflict, Find, Match, MethodFilter, Outcome, PathError, RequestHost, RequestPath, Route, RoutePattern,
    Table, TieReason, Verdict,
};

/// Longer inputs find nothing that shorter ones do not, and take longer.
const LONGEST: usize = 400;
const MOST_ROUTES: usize = 4;
/// In one segment, for the second matcher, which tries every way to share out the text.
const MOST_PARAMETERS: usize = 3;

/// Runs the target.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((routes, request)) = text.rsplit_once('\n').filter(|_| text.len() <= LONGEST) else { return };
    let mut table = Table::default();
    let mut accepted = Vec::new();
    for line in routes.lines().take(MOST_ROUTES) {
        let Ok(route) = line.parse::<RoutePattern>() else { continue };
        assert_eq!(route.to_string().parse().as_ref(), Ok(&route), "{line}");
        match table.conflict(&route, None) {
            Some(conflict) => assert_is_one(&route, &conflict),
            None => {
                table.insert(Route::new(route.clone(), ()));
                accepted.push(route);
            }
        }
    }
    let (method, place) = request.split_once(' ').unwrap_or(("GET", request));
    let Ok(method) = method.parse::<Method>() else { return };
    let (host, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    check_table(&table, &accepted, &method, (host, path));
    for route in &accepted {
        check_url(route, path);
    }
}

/// That it is so in the other direction too, and that the example is one.
fn assert_is_one(route: &RoutePattern, conflict: &Conflict<'_, ()>) {
    let holder = &conflict.holder.pattern;
    let other = table_of(route);
    assert!(other.conflict(holder, None).is_some(), "only one way: {route}, {holder}: {}", conflict.reason);
    // An example is made from grammars, which say less than these types ask for.
    let asks_more =
        |route: &RoutePattern| ["int}", "date}"].iter().any(|kind| route.to_string().contains(kind));
    let TieReason::Overlap(Some(example)) = &conflict.reason else { return };
    for route in [route, holder] {
        if asks_more(route) {
            continue;
        }
        let method = match &route.method {
            MethodFilter::One(method) => method.clone(),
            MethodFilter::Any => Method::GET,
        };
        let (host, path) = example.split_at(example.find('/').unwrap_or(example.len()));
        let table = table_of(route);
        let outcome = table.explain(&method, host, path).outcome;
        // Of routes whose regexes take nothing but dots, no request is an example.
        let answered = matches!(outcome, Outcome::Answered | Outcome::Refused(PathError::DotSegment));
        assert!(answered, "{route} does not match the example {example}");
    }
}

fn table_of(route: &RoutePattern) -> Table<()> {
    let mut table = Table::default();
    table.insert(Route::new(route.clone(), ()).named("route"));
    table
}

fn check_table(table: &Table<()>, accepted: &[RoutePattern], method: &Method, (host, path): (&str, &str)) {
    let mut reversed = Table::default();
    for route in accepted.iter().rev() {
        let conflict = reversed.conflict(route, None);
        assert!(conflict.is_none(), "only in this order: {conflict:?}");
        reversed.insert(Route::new(route.clone(), ()));
    }
    let explained = table.explain(method, host, path);
    assert_eq!(explained.outcome, reversed.explain(method, host, path).outcome);
    _ = explained.to_string();
    let Ok(parsed) = RequestPath::parse(path) else {
        return assert!(matches!(explained.outcome, Outcome::Refused(_)));
    };
    let matched: Vec<_> = explained
        .candidates
        .iter()
        .filter(|candidate| !matches!(candidate.verdict, Verdict::Missed(_)))
        .collect();
    let outcome = &explained.outcome;
    match outcome {
        Outcome::Answered | Outcome::MethodNotAllowed(_) => assert!(!matched.is_empty(), "{explained}"),
        _ => assert!(matched.is_empty(), "{explained}"),
    }
    let segments: Vec<&[u8]> = parsed.segments().collect();
    for candidate in &explained.candidates {
        if let Some(expected) = read_simply(&candidate.route.pattern, &segments) {
            let missed = matches!(candidate.verdict, Verdict::Missed(_));
            assert_eq!(missed, expected.is_none(), "{explained}");
        }
    }
    let host = RequestHost::new(host);
    let (found, again) = (table.find(method, &host, &parsed), reversed.find(method, &host, &parsed));
    match (found, again) {
        (Find::Found(found), Find::Found(again)) => {
            assert_eq!(found.route.pattern, again.route.pattern);
            assert_eq!(found.parameters(), again.parameters());
            if let Some(expected) = read_simply(&found.route.pattern, &segments) {
                let values: Vec<_> = found.values().map(|(_, value)| Cow::Borrowed(value)).collect();
                assert_eq!(Some(values), expected, "{explained}");
            }
            assert_has_url(&found);
        }
        (Find::Found(_), _) | (_, Find::Found(_)) => panic!("the order of insertion decides: {explained}"),
        _ => assert!(!matches!(outcome, Outcome::Answered)),
    }
}

/// What the parameters of a route without types, regexes and host take, where it matches;
/// none for other routes.
fn read_simply<'t>(route: &RoutePattern, segments: &[&'t [u8]]) -> Option<Option<Vec<Cow<'t, [u8]>>>> {
    let source = route.pattern.as_str();
    if !route.host.is_any() || [":", "{{", "}}"].iter().any(|other| source.contains(other)) {
        return None;
    }
    let mut values = Vec::new();
    let places = source.split('/').skip(1);
    for (at, place) in places.clone().enumerate() {
        // Literal text and names take turns.
        let pieces: Vec<&str> = place.split(['{', '}']).collect();
        let found = match (pieces.as_slice(), segments.get(at)) {
            ([_, name, _], Some(_)) if name.starts_with('*') => {
                values.push(segments.get(at..).unwrap_or_default().join(&b'/').into());
                return Some(Some(values));
            }
            (["", _, ""], Some(segment)) => (!segment.is_empty()).then(|| vec![Cow::Borrowed(*segment)]),
            (pieces, Some(segment)) if pieces.len() <= 2 * MOST_PARAMETERS + 1 => {
                let found =
                    std::str::from_utf8(segment).ok().and_then(|segment| read_pieces(pieces, segment));
                found.map(|found| found.into_iter().map(|value| value.as_bytes().into()).collect())
            }
            (_, Some(_)) => return None,
            (_, None) => None,
        };
        match found {
            Some(found) => values.extend(found),
            None => return Some(None),
        }
    }
    Some((segments.len() == places.count()).then_some(values))
}

/// What the parameters of one segment take: each as much as it can, the first before the
/// second.
fn read_pieces<'t>(pieces: &[&str], text: &'t str) -> Option<Vec<&'t str>> {
    let [literal, more @ ..] = pieces else { return None };
    let left = text.strip_prefix(literal)?;
    let [_name, rest @ ..] = more else { return left.is_empty().then(Vec::new) };
    let mut ends = (1..=left.len()).rev().filter_map(|end| left.split_at_checked(end));
    ends.find_map(|(value, left)| Some([vec![value], read_pieces(rest, left)?].concat()))
}

/// What a request matched has a URL, unless that would mean something else to a client.
fn assert_has_url(found: &Match<'_, '_, ()>) {
    let values = found.parameters();
    let is_text = found.values().all(|(_, value)| std::str::from_utf8(value).is_ok());
    // In a tail, which is split at its slashes, one that was encoded is one like others.
    let may_not =
        |value: &str| value.starts_with('/') || value.split('/').any(|part| matches!(part, "." | ".."));
    if !is_text || !found.route.pattern.host.is_any() || values.iter().any(|(_, value)| may_not(value)) {
        return;
    }
    let values: Vec<_> = values.iter().map(|(name, value)| (&**name, &**value)).collect();
    let url = table_of(&found.route.pattern).url_for("route", &values);
    match url {
        Ok(_) => assert_reads_back(&found.route.pattern, &values),
        Err(error) => panic!("{error}"),
    }
}

/// With whatever values it takes, `path`'s segments in their order here, a URL leads back.
fn check_url(route: &RoutePattern, path: &str) {
    let values: Vec<_> = route.parameter_names().zip(path.split('/').skip(1).cycle()).collect();
    assert_reads_back(route, &values);
}

fn assert_reads_back(route: &RoutePattern, values: &[(&str, &str)]) {
    let table = table_of(route);
    let Ok(url) = table.url_for("route", values) else { return };
    assert!(
        url.path.is_ascii() && !url.path.starts_with("//") && !url.path.contains(['?', '#', '\\']),
        "{url}"
    );
    let host = RequestHost::new(url.host.as_deref().unwrap_or_default());
    let path = match RequestPath::parse(&url.path) {
        Ok(path) => path,
        Err(error) => panic!("{url}: {error}"),
    };
    let method = match &route.method {
        MethodFilter::One(method) => method,
        MethodFilter::Any => &Method::GET,
    };
    let Find::Found(found) = table.find(method, &host, &path) else { panic!("{route} does not match {url}") };
    let found: Vec<_> = found.values().collect();
    let expected: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    assert_eq!(found, expected, "{route}: {url}");
}
