//! Each rule of matching, by name.

use http::Method;

use super::super::{Outcome, TieReason, Verdict};
use super::{check, table};

#[test]
fn specificity_decides_not_order() {
    let table = table(&["GET /{*all}", "GET /{a}", "GET /x", "GET /x/{b}", "GET /{a}/y", "/x/{*rest}"]);
    check(&table, "GET /x", "GET /x");
    check(&table, "GET /z", "GET /{a} a=z");
    check(&table, "GET /x/1", "GET /x/{b} b=1");
    check(&table, "GET /x/1/2", "/x/{*rest} rest=1/2");
    check(&table, "GET /q/y", "GET /{a}/y a=q");
    check(&table, "GET /q/r", "GET /{*all} all=q/r");
    check(&table, "GET /", "GET /{*all} all=");
    check(&table, "GET /x/", "/x/{*rest} rest=");
}

#[test]
fn literal_before_shape_before_plain_before_tail() {
    let table = table(&[
        "/{*t}",
        "/{p}",
        "/{s:slug}",
        "/{i:int}",
        "/{d:date}",
        "/{p}.html",
        "/{a}.{b}",
        "/7",
        r"/{y:[12]\d{3}}",
        "/v{n}",
        "/{a}--{b}",
    ]);
    check(&table, "GET /7", "/7");
    check(&table, "GET /8", "/{i:int} i=8");
    check(&table, "GET /-8", "/{i:int} i=-8");
    check(&table, "GET /1999", r"/{y:[12]\d{3}} y=1999");
    check(&table, "GET /2024-02-29", "/{d:date} d=2024-02-29");
    check(&table, "GET /2024-02-30", "/{s:slug} s=2024-02-30");
    check(&table, "GET /v2", "/v{n} n=2");
    check(&table, "GET /word", "/{s:slug} s=word");
    check(&table, "GET /index.html", "/{p}.html p=index");
    check(&table, "GET /index.json", "/{a}.{b} a=index b=json");
    check(&table, "GET /%C3%A9--%C3%A8", "/{a}--{b} a=é b=è");
    check(&table, "GET /%C3%A9", "/{p} p=é");
    check(&table, "GET /a/b", "/{*t} t=a/b");
}

#[test]
fn backtracks_without_leaving_values_behind() {
    let table = table(&["GET /{a}/b/c", "GET /a/{x}/d", "GET /{p}/{q}/{r}", "GET /{n:int}/{m}/z"]);
    check(&table, "GET /a/b/c", "GET /{a}/b/c a=a");
    check(&table, "GET /a/b/d", "GET /a/{x}/d x=b");
    check(&table, "GET /a/b/e", "GET /{p}/{q}/{r} p=a q=b r=e");
    check(&table, "GET /1/b/y", "GET /{p}/{q}/{r} p=1 q=b r=y");
}

#[test]
fn a_parameter_is_never_empty_and_slashes_are_strict() {
    let table = table(&["GET /a", "GET /p/{name}", r"GET /r/{x:[^/]+}"]);
    for path in ["/a/", "//a", "/p/", "/p", "/p/x/", "/p//x", "/r/", "/A", "/"] {
        check(&table, &format!("GET {path}"), "404");
    }
    check(&table, "GET /p/%2F", "GET /p/{name} name=/");
    check(&table, "GET /r/a%2Fb", "404");
}

#[test]
fn a_tail_needs_its_slash_and_takes_empty_segments() {
    let table = table(&["GET /t/{*rest}"]);
    check(&table, "GET /t", "404");
    check(&table, "GET /t/", "GET /t/{*rest} rest=");
    check(&table, "GET /t/http://x//", "GET /t/{*rest} rest=http://x//");
    check(&table, "GET //t/x", "404");
}

#[test]
fn matching_is_on_decoded_segments() {
    let table = table(&["GET /café/{x}", "GET /{{b}}", "GET /sp ace", "GET /t/{*rest}"]);
    check(&table, "GET /caf%C3%A9/%41", "GET /café/{x} x=A");
    check(&table, "GET /c%61fé/%2541", "GET /café/{x} x=%41");
    check(&table, "GET /%7Bb%7D", "GET /{{b}}");
    check(&table, "GET /sp%20ace", "GET /sp ace");
    check(&table, "GET /sp+ace", "404");
    check(&table, "GET /t/a%2Fb/c", "GET /t/{*rest} rest=a/b/c");
    check(&table, "GET /x/%zz", "400 a percent sign is not followed by two hexadecimal digits");
    check(&table, "GET /x/%2e%2E/y", "400 the path has a `.` or `..` segment; send it resolved");
}

#[test]
fn what_is_not_utf8_matches_plain_parameters_and_tails_only() {
    let table = table(&["GET /{a:.+}/x", "GET /{a}/x", "GET /{n}.x/x", "GET /t/{*t}"]);
    check(&table, "GET /%ff/x", "GET /{a}/x a=\u{fffd}");
    check(&table, "GET /%ff.x/x", "GET /{a}/x a=\u{fffd}.x");
    check(&table, "GET /t/%ff", "GET /t/{*t} t=\u{fffd}");
}

#[test]
fn tail_segments_are_told_apart_from_encoded_slashes() {
    use super::super::{Find, RequestHost, RequestPath};
    let table = table(&["/t/{*rest}"]);
    let (host, path) = (RequestHost::new(""), RequestPath::parse("/t/a%2Fb//c/").unwrap());
    let Find::Found(found) = table.find(&Method::GET, &host, &path) else { panic!() };
    assert_eq!(found.tail().as_slice(), [&b"a/b"[..], b"", b"c", b""]);
}

#[test]
fn head_follows_get_and_405_lists_methods() {
    let table = table(&["GET /a", "POST /a", "PUT /b", "GET /c", "HEAD /c", "PURGE /b"]);
    check(&table, "HEAD /a", "GET /a");
    check(&table, "HEAD /c", "HEAD /c");
    check(&table, "DELETE /a", "405 GET, HEAD, OPTIONS, POST");
    check(&table, "OPTIONS /a", "405 GET, HEAD, OPTIONS, POST");
    check(&table, "HEAD /b", "405 OPTIONS, PURGE, PUT");
}

#[test]
fn allow_merges_all_routes_that_match_the_path() {
    let table = table(&["GET /a/x", "POST /a/{x}", "PUT /{a}/x", "DELETE /{*rest}", "PATCH /other"]);
    check(&table, "LOCK /a/x", "405 DELETE, GET, HEAD, OPTIONS, POST, PUT");
    check(&table, "LOCK /q", "405 DELETE, OPTIONS");
}

#[test]
fn a_less_specific_pattern_may_answer_another_method() {
    let table = table(&["GET /a", "POST /{x}", "/b/{*rest}", "GET /b/x"]);
    check(&table, "POST /a", "POST /{x} x=a");
    check(&table, "OPTIONS /b/x", "/b/{*rest} rest=x");
}

#[test]
fn hosts_come_first_and_the_next_is_asked_for_a_path() {
    let table = table(&[
        "GET /a",
        "GET www.example.com/a",
        "GET {t}.example.com/a",
        "GET {t}.example.com/b",
        "GET {*s}.example.com/c",
        "POST www.example.com/d",
        "GET /d",
        "GET {t:int}.example.com/a",
        "GET /{x}/{y}",
        "GET x-{r}.example.com/a",
    ]);
    check(&table, "GET www.example.com/a", "GET www.example.com/a");
    check(&table, "GET WWW.Example.COM.:8080/a", "GET www.example.com/a");
    check(&table, "GET other.example.com/a", "GET {t}.example.com/a t=other");
    check(&table, "GET 42.example.com/a", "GET {t:int}.example.com/a t=42");
    check(&table, "GET x-eu.example.com/a", "GET x-{r}.example.com/a r=eu");
    check(&table, "GET www.example.com/b", "GET {t}.example.com/b t=www");
    check(&table, "GET a.b.example.com/c", "GET {*s}.example.com/c s=a.b");
    check(&table, "GET b.example.com/c", "GET {*s}.example.com/c s=b");
    check(&table, "GET example.com/c", "404");
    check(&table, "GET a.b.example.com/a", "GET /a");
    check(&table, "GET example.org/a", "GET /a");
    check(&table, "GET /a", "GET /a");
    check(&table, "GET [::1]:80/a", "GET /a");
    check(&table, "GET www.example.com/1/2", "GET /{x}/{y} x=1 y=2");
    // The host that has the path answers for the methods.
    check(&table, "GET www.example.com/d", "405 OPTIONS, POST");
    check(&table, "GET else.example.com/d", "GET /d");
}

#[test]
fn parameters_of_the_host_come_first_and_in_reading_order() {
    let table = table(&["{*s}.{a}-{b}.{c}.com/{d}/{*e}"]);
    check(&table, "GET u.v.1-2.x.com/p/q/r", "{*s}.{a}-{b}.{c}.com/{d}/{*e} s=u.v a=1 b=2 c=x d=p e=q/r");
}

#[test]
fn redirects_to_slashes_on_request_only() {
    let table =
        table(&["GET /a +slashes", "GET /b/ +slashes", "GET /c", "/t/{*r} +slashes", "GET /x/{p} +slashes"]);
    check(&table, "GET /a/", "308 /a");
    check(&table, "HEAD /b", "308 /b/");
    check(&table, "GET //a", "308 /a");
    check(&table, "GET //b", "308 /b/");
    check(&table, "GET /c/", "404");
    check(&table, "GET //c", "404");
    check(&table, "GET /t", "308 /t/");
    check(&table, "GET /t//x", "/t/{*r} r=/x");
    check(&table, "POST /a/", "404");
    check(&table, "GET /x//%C3%A9%2F/", "308 /x/%C3%A9%2F");
    check(&table, "GET //x/\\evil", "308 /x/%5Cevil");
}

#[test]
fn ties_are_found_whatever_the_names() {
    let table = table(&["GET /a/{x}", "GET /t/{*y}", "GET /i/{n:int}-{m}", "GET {h}.x/a"]);
    for (route, ties) in [
        ("GET /a/{z}", true),
        ("GET /t/{*z}", true),
        ("GET /i/{a:int}-{b}", true),
        ("GET {i}.x/a", true),
        ("POST /a/{z}", false),
        ("/a/{z}", false),
        ("HEAD /a/{z}", false),
        ("GET /a/b", false),
        ("GET x/a/{z}", false),
        ("GET /i/{a:uint}-{b}", false),
    ] {
        let conflict = table.conflict(&route.parse().unwrap(), None);
        assert_eq!(conflict.map(|c| c.reason), ties.then_some(TieReason::Same), "{route}");
    }
}

#[test]
fn routes_that_nothing_orders_are_refused_with_an_example() {
    for (first, second, example) in [
        ("GET /{a:[0-9a-f]{2,}}", "GET /{b:int}", Some("/00")),
        ("GET /{a:[0-9a-f]{2,}}", "/{b:int}", Some("/00")),
        ("GET /{a:[0-9a-f]{2,}}", "HEAD /{b:int}", Some("/00")),
        ("GET /{a:[0-9a-f]{2,}}", "POST /{b:int}", None),
        ("/{a}-{b}", "/{a}.{b}", Some("/a-.a")),
        ("/{a:x+}/{b}", "/{a:x|y}/c", Some("/x/c")),
        ("/{a:x+}/d", "/{a:x|y}/c", None),
        ("/{a:x+}/d", "/{a:x|y}/d/", None),
        ("/{a:x+}/{*t}", "/{a:x|y}/d/e", Some("/x/d/e")),
        ("/{a:x+}/{*t}", "/{a:x|y}", None),
        ("/{a:x+}/b", "/{a:x|y}/{*t}", Some("/x/b")),
        ("/{a:x+}", "/{a:x|y}/{*t}", None),
        ("/{a:x+}/{*t}", "/{a:x|y}/{*t}", Some("/x/")),
        ("/{a:x+}/{*t}", "/{a:x|y}/z/{*t}", Some("/x/z/")),
        ("/p/{a:x+}", "/p/{a:y+}", None),
        (r"/{a:\d+}", r"/{a:\d{4}}", None),
        ("{a:x+}.y/{p}", "{b:x|z}.y/q", Some("x.y/q")),
        ("GET {a:x+}.y/{p}", "POST {b:x|z}.y/q", Some("x.y/q")),
        ("{a:x+}.y/p", "{b:x|z}.y/q", None),
        ("y.z/{a:x+}", "y.z/{a:x|y}", Some("y.z/x")),
        ("{*h}.{t}.z/{a:x+}", "{*h}.{u}.z/{a:x|y}", Some("x.x.z/x")),
        ("{*h}.{a:x+}.z/", "{*h}.{a:x|y}.z/", Some("x.x.z/")),
    ] {
        for (first, second) in [(first, second), (second, first)] {
            let table = table(&[first]);
            let found =
                table.conflict(&second.parse().unwrap(), None).map(|conflict| match conflict.reason {
                    TieReason::Overlap(example) => example.unwrap_or_default(),
                    other => other.to_string(),
                });
            assert_eq!(found.is_some(), example.is_some(), "{first} and {second}: {found:?}");
            let example = example.map(|text| text.replace("-.", "")).filter(|_| found.is_some());
            assert!(
                example.is_none_or(|e| found.unwrap().replace("-.", "").replace(".-", "") == e),
                "{first} {second}"
            );
        }
    }
}

#[test]
fn different_shapes_at_one_place_are_bounded() {
    let mut table = table(&[]);
    for n in 0..64 {
        let pattern = format!("/{{a}}.e{n}").parse().unwrap();
        assert!(table.conflict(&pattern, None).is_none());
        table.insert(super::super::Route::new(pattern, String::new()));
    }
    let reason = |route: &str| table.conflict(&route.parse().unwrap(), None).map(|c| c.reason);
    assert_eq!(reason("/{a}.e64"), Some(TieReason::Full));
    assert_eq!(reason("/{a}.e1/x"), None);
    assert_eq!(reason("/{a}"), None);
}

#[test]
fn explain_gives_every_candidate_in_order_and_its_reason() {
    let table = table(&[
        "GET /{*all}",
        "GET /items/{id:int}",
        "POST /items/{id}",
        "GET /items/new",
        "GET /items/{id}",
        "GET x.org/items/7",
        "GET /users/{id}",
    ]);
    let found = table.explain(&Method::GET, "example.com:80", "/items/42");
    let verdicts: Vec<_> =
        found.candidates.iter().map(|c| (c.route.target.as_str(), c.verdict.to_string())).collect();
    assert_eq!(
        verdicts,
        [
            ("GET x.org/items/7", "does not match: the host is another one".to_owned()),
            ("GET /items/new", "does not match: segment 2 is `42`, not `new`".to_owned()),
            ("GET /items/{id:int}", "answers".to_owned()),
            ("GET /items/{id}", "matches, but is less specific".to_owned()),
            ("POST /items/{id}", "matches, but has another method".to_owned()),
            ("GET /users/{id}", "does not match: segment 1 is `items`, not `users`".to_owned()),
            ("GET /{*all}", "matches, but is less specific".to_owned()),
        ]
    );
    assert_eq!(found.outcome, Outcome::Answered);
    assert!(
        matches!(&found.candidates[2].verdict, Verdict::Won(p) if *p == [("id".to_owned(), "42".to_owned())])
    );
    assert_eq!(
        found.to_string(),
        "GET example.com/items/42\n\
         segments: [\"items\", \"42\"]\n   \
            GET /items/new       does not match: segment 2 is `42`, not `new`\n\
         => GET /items/{id:int}  answers\n     \
              id = \"42\"\n \
          ~ GET /items/{id}      matches, but is less specific\n \
          ~ POST /items/{id}     matches, but has another method\n \
          ~ GET /{*all}          matches, but is less specific\n   \
            and 2 more that do not match\n"
    );
}

#[test]
fn explain_says_why_nothing_answers() {
    let table = table(&["GET /a/{id:int}", "GET /b +slashes"]);
    for (method, path, last) in [
        ("GET", "/a/x", "404: no route has this path"),
        ("POST", "/a/1", "405, Allow: GET, HEAD, OPTIONS"),
        ("OPTIONS", "/a/1", "204, Allow: GET, HEAD, OPTIONS"),
        ("GET", "/b/", "308 to /b"),
        ("GET", "/a/%", "400: a percent sign is not followed by two hexadecimal digits"),
    ] {
        let text = table.explain(&method.parse().unwrap(), "h", path).to_string();
        assert_eq!(text.lines().last(), Some(last), "{text}");
    }
    let text = table.explain(&Method::GET, "h", "/a/x").to_string();
    assert!(text.contains("GET /a/{id:int}  does not match: segment 2 is `x`, not `{id:int}`"), "{text}");
}

#[test]
fn the_worst_case_is_bounded_by_the_table() {
    // Every choice of literal or parameter in nine segments, all of which match but
    // for the tenth: each node is visited once, 2^10 of them, and no more.
    let mut routes = Vec::new();
    for bits in 0..512_u32 {
        let places =
            (0..9).map(|at| if bits >> at & 1 == 1 { "/a".to_owned() } else { format!("/{{p{at}}}") });
        routes.push(format!("GET {}/end", places.collect::<String>()));
    }
    let table = table(&routes.iter().map(String::as_str).collect::<Vec<_>>());
    let path = "/a".repeat(10);
    let start = std::time::Instant::now();
    for _ in 0..100 {
        check(&table, &format!("GET {path}"), "404");
    }
    assert!(start.elapsed().as_millis() < 2000, "{:?}", start.elapsed());
    check(&table, &format!("GET {}/end", "/a".repeat(9)), &format!("GET {}/end", "/a".repeat(9)));
}

#[test]
fn long_paths_take_linear_time() {
    let table = table(&["/{a}/{b}/{c}", "/{a}/{*rest}", "/{a:.+}/{b:[a-z]+}/x", "/{a}-{b}-{c}/{d:int}"]);
    let many = "/a".repeat(10_000);
    check(&table, &format!("GET {many}"), &format!("/{{a}}/{{*rest}} a=a rest={}", &many[3..]));
    let long = "-".repeat(100_000);
    check(&table, &format!("GET /{long}/x/y"), &format!("/{{a}}/{{b}}/{{c}} a={long} b=x c=y"));
}

#[test]
fn hard_regexes_at_one_place_are_compared_in_bounded_time() {
    let start = std::time::Instant::now();
    let mut table = table(&[]);
    for n in 0..64 {
        let pattern: super::super::RoutePattern =
            format!("/{{a:[a-z]{{{n},{}}}x[a-m]{{1,9}}(?:{n}|y)}}", n + 40).parse().unwrap();
        if table.conflict(&pattern, None).is_none() {
            table.insert(super::super::Route::new(pattern, n.to_string()));
        }
    }
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
