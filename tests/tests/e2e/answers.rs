//! What a handler may answer, and what the client then sees: one table for the guests of all
//! worlds (docs/answers.md).

use patchboard_tests::{BodyEnd, Reply, Server, Shared, wait_until};

use crate::probes::probe;

static SERVER: Shared = Shared::new(server);

fn server() -> Server {
    server_of("probes = \"127.0.0.1:0\"")
}

fn server_of(settings: &str) -> Server {
    Server::builder()
        .server(settings)
        .guest("raw")
        .guest("p2-hello")
        .guest("p3-hello")
        .config(
            "[handlers.p2-hello]\nroutes = [\"/p2/{*rest}\"]\nisolation = \"request\"\n\
             [handlers.p3-hello]\nroutes = [\"/p3/{*rest}\"]\n\
             [handlers.raw]\nroutes = [\"/raw/{case}\"]",
        )
        .start()
}

/// Our world, `wasi:http` 0.3 and 0.2.
const WORLDS: [&str; 3] = ["/raw/answer", "/p3/answer", "/p2/answer"];

/// What the client sees.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A status, a length and a body.
    Whole(u16, Option<u64>, &'static str),
    /// A failed call.
    Failed(u16),
    /// A head, and no end.
    Cut(u16),
}
use Seen::{Cut, Failed, Whole};

fn ask(method: &str, world: &str, query: &str) -> (Reply, BodyEnd) {
    ask_at(&SERVER.get(), method, world, query)
}

fn ask_at(server: &Server, method: &str, world: &str, query: &str) -> (Reply, BodyEnd) {
    let mut connection = server.connect();
    connection.send(format!("{method} {world}?{query} HTTP/1.1\r\nHost: test\r\n\r\n"));
    let mut reply = connection.head();
    if method == "HEAD" {
        // Nothing is to follow, and the connection goes on.
        connection.send(format!("GET {world}?body=next HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert_eq!(connection.reply().text(), "next", "{method} {world}?{query}: {reply:?}");
        return (reply, BodyEnd::Complete);
    }
    let (body, end) = connection.body(&reply);
    reply.body = body;
    if matches!(reply.status, 204 | 205 | 304) {
        assert_eq!(connection.get(&format!("{world}?body=next")).text(), "next", "{world}?{query}");
    }
    (reply, end)
}

pub(crate) fn seen(reply: &Reply, end: BodyEnd, expected: &Seen) -> bool {
    match *expected {
        Whole(status, length, body) => {
            let told = reply.header("content-length").map(|length| length.parse().unwrap());
            reply.status == status && told == length && reply.text() == body && end == BodyEnd::Complete
        }
        Failed(status) => {
            reply.status == status && reply.text().contains("request id: ") && end == BodyEnd::Complete
        }
        Cut(status) => reply.status == status && end == BodyEnd::Cut,
    }
}

/// How often a case is tried where the head has left before the end was known: a guest has a few
/// turns for that, and on a busy machine its slice may be over before.
const TRIES: usize = 5;

/// Whether the head has left too early for what is expected.
fn is_early(reply: &Reply, end: BodyEnd, expected: &Seen) -> bool {
    match *expected {
        Whole(status, Some(_), body) => seen(reply, end, &Whole(status, None, body)),
        Failed(_) => seen(reply, end, &Cut(200)),
        Whole(_, None, _) | Cut(_) => false,
    }
}

/// Tries a case in each world where it is.
#[track_caller]
fn expect(method: &str, query: &str, by_world: [Option<Seen>; 3]) {
    for (world, expected) in WORLDS.iter().zip(by_world) {
        let Some(expected) = expected else { continue };
        let mut tries = (1..=TRIES).map(|number| (number, ask(method, world, query)));
        let (_, (reply, end)) = tries
            .find(|(number, (reply, end))| *number == TRIES || !is_early(reply, *end, &expected))
            .unwrap();
        assert!(
            seen(&reply, end, &expected),
            "{method} {world}?{query}: {reply:?}, {end:?}, and not {expected:?}"
        );
    }
}

#[track_caller]
fn expect_in_all(method: &str, query: &str, expected: impl Fn() -> Seen) {
    expect(method, query, [Some(expected()), Some(expected()), Some(expected())]);
}

#[test]
fn content_and_its_length() {
    expect_in_all("GET", "body=abc", || Whole(200, Some(3), "abc"));
    expect_in_all("GET", "", || Whole(200, Some(0), ""));
    expect_in_all("GET", "body=abc&length=3", || Whole(200, Some(3), "abc"));
    // What has no content may tell the length of what a GET has.
    expect_in_all("HEAD", "length=10", || Whole(200, Some(10), ""));
    expect_in_all("HEAD", "status=404&length=10", || Whole(404, Some(10), ""));
    expect_in_all("HEAD", "", || Whole(200, None, ""));
    expect_in_all("HEAD", "body=abc&length=3", || Whole(200, Some(3), ""));
    expect_in_all("GET", "status=304&length=10", || Whole(304, Some(10), ""));
    expect_in_all("GET", "status=304", || Whole(304, None, ""));
    expect_in_all("HEAD", "status=304&length=10", || Whole(304, Some(10), ""));
    expect_in_all("GET", "status=204", || Whole(204, None, ""));
    expect_in_all("GET", "status=204&length=3", || Whole(204, None, ""));
    expect_in_all("GET", "status=204&body=abc", || Whole(204, None, ""));
    expect_in_all("GET", "status=205", || Whole(205, Some(0), ""));
    expect_in_all("GET", "status=205&body=abc", || Whole(205, Some(0), ""));
    expect_in_all("GET", "status=304&body=abc&length=3", || Whole(304, Some(3), ""));
}

#[test]
fn a_length_that_is_none_or_wrong_is_a_failed_call() {
    for query in ["body=abc&length=abc", "body=abc&length=-3", "body=abc&length=%2B3"] {
        // `wasi:http` refuses some of them itself, where the guest sets them.
        let (reply, end) = ask("GET", WORLDS[0], query);
        assert!(seen(&reply, end, &Failed(502)), "{query}: {reply:?}");
    }
    expect_in_all("GET", "body=short&length=10", || Failed(502));
    expect_in_all("GET", "body=longer&length=3", || Failed(502));
    // `wasi:http` 0.2 takes no more of a write than was announced.
    let announced = Whole(200, Some(3), "lon");
    expect("GET", "body=longer&length=3&later", [Some(Failed(502)), Some(Failed(502)), Some(announced)]);
}

#[test]
fn only_final_statuses_are_answers() {
    for status in [100, 101, 103, 199] {
        expect_in_all("GET", &format!("status={status}"), || Failed(502));
        expect_in_all("HEAD", &format!("status={status}"), || Whole(502, Some(45), ""));
    }
    for status in [600, 999] {
        // `wasi:http` 0.3 refuses it where the guest sets it, who then passes an error on.
        expect_in_all("GET", &format!("status={status}"), || Failed(502));
    }
    for status in [200, 299, 400, 499, 500, 599] {
        expect_in_all("GET", &format!("status={status}&body=abc"), || Whole(status, Some(3), "abc"));
    }
}

#[test]
fn an_error_is_the_handlers_own() {
    for status in [400, 404, 410, 500, 503] {
        for world in WORLDS {
            let (reply, _) = ask("GET", world, &format!("status={status}&cache=public"));
            assert_eq!((reply.status, reply.text()), (status, ""), "{world}");
            assert_eq!(reply.header("cache-control"), Some("public"), "{world}");
            assert_eq!((reply.header("content-type"), reply.header("retry-after")), (None, None), "{world}");
        }
    }
}

#[test]
fn what_fails_before_anything_has_left_is_a_failed_call() {
    for end in ["trap", "early", "exit0", "exit1"] {
        // What a guest of our world does after it has answered may come too late.
        expect("GET", &format!("body=part&end={end}"), [None, None, Some(Failed(500))]);
        for world in WORLDS {
            let (reply, cut) = ask("GET", world, &format!("body=part&end={end}"));
            assert!(
                seen(&reply, cut, &Failed(500)) || seen(&reply, cut, &Cut(200)),
                "{world} {end}: {reply:?} {cut:?}"
            );
        }
    }
    expect("GET", "body=part&end=dropped", [None, None, Some(Failed(502))]);
    expect("GET", "body=part&end=returned", [None, None, Some(Failed(500))]);
}

/// The lines of the log that are of this request and tell of a failure.
fn failures(server: &Server, reply: &Reply) -> Vec<String> {
    server.log.wait_for(reply.request_id());
    let is_one = |line: &String| {
        line.contains(reply.request_id()) && (line.contains("ERROR") || line.contains(" WARN "))
    };
    server.log.lines().into_iter().filter(is_one).collect()
}

/// How many calls have failed for the reason.
fn counted(server: &Server, reason: &str) -> u64 {
    let metrics = probe(server, "/-/metrics").text().to_owned();
    let of_reason = |line: &&str| {
        line.starts_with("patchboard_failed_calls_total") && line.contains(&format!("reason=\"{reason}\""))
    };
    let number = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    metrics.lines().filter(of_reason).map(number).sum()
}

#[test]
fn a_trap_is_one_failure_wherever_it_finds_the_response() {
    for world in WORLDS {
        let server = server();
        let mut told = Vec::new();
        // Nothing has left: it is the call's own failure.
        for query in ["body=part&end=trap", "status=204&body=part&end=trap", "status=304&body=part&end=trap"]
        {
            let mut tries = (0..TRIES).map(|_| ask_at(&server, "GET", world, query));
            let failed = tries.find(|(reply, end)| seen(reply, *end, &Failed(500)));
            told.push((failed.unwrap_or_else(|| panic!("{world}?{query}")).0, "trapped"));
        }
        assert_eq!((counted(&server, "trapped"), counted(&server, "unfinished")), (3, 0), "{world}");
        // Something has, and it traps, or says that it failed.
        for (end, line) in [("trap", "trapped"), ("dropped", "was cut: ")] {
            let cut = counted(&server, "response_cut");
            let (reply, end) = ask_at(&server, "GET", world, &format!("body=part&end={end}&later"));
            assert!(seen(&reply, end, &Cut(200)), "{world}: {reply:?} {end:?}");
            wait_until("the cut is counted", || counted(&server, "response_cut") == cut + 1);
            told.push((reply, line));
        }
        assert_eq!(counted(&server, "trapped"), 3, "{world}");
        for (reply, text) in &told {
            let lines = failures(&server, reply);
            assert!(matches!(&*lines, [line] if line.contains(text)), "{world}, {text}: {lines:?}");
        }
    }
}

#[test]
fn what_fails_after_its_head_has_left_is_cut() {
    let server = server();
    let mut tried = 0;
    for end in ["trap", "early", "exit0", "exit1", "dropped", "returned"] {
        for length in ["", "&length=1000"] {
            // A guest of the other worlds that only returns may still write.
            let worlds = WORLDS.iter().filter(|world| end != "returned" || **world == WORLDS[2]);
            for world in worlds {
                let query = format!("body=part&end={end}&later{length}");
                let (reply, cut) = ask_at(&server, "GET", world, &query);
                assert!(seen(&reply, cut, &Cut(200)), "{world}?{query}: {reply:?}, {cut:?}");
                tried += 1;
            }
        }
    }
    // No line says that the client got it all.
    let log = &server.access_log;
    wait_until("the lines are there", || log.lines().len() >= tried);
    for line in log.lines() {
        assert!(line.contains("complete=false"), "{line}");
    }
}

#[test]
fn a_guest_that_returns_without_the_end_is_not_waited_for() {
    let server = Server::builder()
        .guest("p2-hello")
        .config("[handlers.p2-hello.limits]\ncall_timeout = \"1h\"\nbody_idle_timeout = \"1h\"")
        .start();
    let (reply, end) = ask_at(&server, "GET", "/p2-hello/answer", "body=part&end=returned&later");
    assert!(seen(&reply, end, &Cut(200)), "{reply:?} {end:?}");
}

#[test]
fn whose_neighbour_traps_as_it_answers_is_run_again() {
    for world in &WORLDS[..2] {
        let server = server_of("cores = 1\nprobes = \"127.0.0.1:0\"");
        for _ in 0..5 {
            let ask = |query: &str| {
                let mut connection = server.connect();
                connection.send(format!("GET {world}?late&{query} HTTP/1.1\r\nHost: test\r\n\r\n"));
                connection
            };
            // All have something to say at once, and one traps then.
            let mut neighbours: Vec<_> = (0..7).map(|_| ask("body=neighbour")).collect();
            let mut own = ask("body=own&end=trap");
            neighbours.iter_mut().for_each(|neighbour| neighbour.reply().expect(200, "neighbour"));
            assert!(matches!(own.head().status, 200 | 500), "{world}");
        }
        assert_eq!(counted(&server, "unfinished"), 0, "{world}");
    }
}

#[test]
fn a_trap_after_a_response_is_of_its_own_kind() {
    let server = server();
    // In 0.2 a body has no end but what the guest says.
    for world in &WORLDS[..2] {
        let before = counted(&server, "after_response");
        let mut connection = server.connect();
        let query = "body=abc&length=3&end=trap&later";
        connection.send(format!("GET {world}?{query} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let reply = connection.reply();
        reply.expect(200, "abc");
        server.log.wait_for_all(&["after its response was complete, ", reply.request_id()]);
        wait_until("it is counted", || counted(&server, "after_response") == before + 1);
    }
    assert_eq!((counted(&server, "trapped"), counted(&server, "response_cut")), (0, 0));
}

#[test]
fn an_error_of_a_stream_tells_nothing_of_the_host() {
    let server = Server::builder().variable("RUST_BACKTRACE", "1").guest("p2-hello").start();
    let mut connection = server.connect();
    connection.send(
        "POST /p2-hello/echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    );
    connection.some();
    connection.send("no chunk\r\n");
    server.log.wait_for("p2-hello: ");
    server.get("/p2-hello/trap");
    server.log.wait_for("this panic is asked for");
    for line in server.log.lines().iter().filter(|line| line.contains("stream=")) {
        assert!(!line.contains("wasmtime") && !line.contains("tokio"), "{line}");
    }
}

#[test]
fn who_exits_when_all_is_said_harms_nobody() {
    for status in ["0", "1"] {
        for world in &WORLDS[..2] {
            let server = Server::builder()
                .server("cores = 1")
                .guest("raw")
                .guest("p3-hello")
                .config(
                    "[handlers.p3-hello]\nroutes = [\"/p3/{*rest}\"]\n\
                     [handlers.raw]\nroutes = [\"/raw/{case}\"]",
                )
                .start();
            let ask = |query: &str| {
                let mut connection = server.connect();
                connection.send(format!("GET {world}?{query} HTTP/1.1\r\nHost: test\r\n\r\n"));
                connection
            };
            let mut own = ask(&format!("body=own&after=exit{status}"));
            own.reply().expect(200, "own");
            // They are in the instance that is about to end.
            let mut neighbours: Vec<_> = (0..10).map(|_| ask("body=neighbour&late")).collect();
            neighbours.iter_mut().for_each(|neighbour| neighbour.reply().expect(200, "neighbour"));
            let line = server.log.wait_for(&format!("called exit({status})"));
            assert!(line.contains("request_id=\"-\""), "{line}");
            assert_eq!(server.log.count("trapped"), 0);
        }
        // In the others' it is still the call's own time.
        let server = SERVER.get();
        let (reply, end) = ask("GET", WORLDS[2], &format!("body=own&after=exit{status}"));
        assert!(seen(&reply, end, &Whole(200, Some(3), "own")), "{reply:?} {end:?}");
        server.log.wait_for_all(&[&format!("called exit({status})"), reply.request_id()]);
    }
}

#[test]
fn who_names_no_host_is_nobodys_trap() {
    for _ in 0..20 {
        for world in WORLDS {
            let mut connection = SERVER.get().connect();
            connection.send(format!("GET {world}?body=abc HTTP/1.0\r\n\r\n"));
            let answer = String::from_utf8(connection.rest()).unwrap();
            assert!(
                answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.0 200 "),
                "{world}: {answer}"
            );
            assert!(answer.ends_with("abc"), "{world}: {answer}");
        }
    }
}
