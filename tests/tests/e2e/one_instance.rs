//! Handlers with a number of instances: state in memory, for calls that come to any core.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use patchboard_tests::{BodyEnd, Connection, Server, wait_until};

use crate::probes::probe;

const MESSAGES: usize = 500;
/// Listeners that stay, on both cores.
const LISTENERS: usize = 6;
/// Those that come and go, and how often each does.
const GUESTS: usize = 4;
const VISITS: usize = 250;

fn server(config: &str) -> Server {
    Server::builder()
        .server("cores = 2\nprobes = \"127.0.0.1:0\"")
        .guest("leaving")
        .config("[sql.notes]")
        .config(config)
        .start()
}

/// What `/counts` says of the calls of its instance.
fn calls(server: &Server) -> usize {
    // A connection of its own each time, so that both cores are asked.
    let text = server.connect().get("/counts").text().to_owned();
    text.rsplit('=').next().unwrap().parse().unwrap()
}

/// How many instances live.
fn live(server: &Server) -> usize {
    let metrics = probe(server, "/-/metrics").text().to_owned();
    let count =
        metrics.lines().find_map(|line| line.strip_prefix("patchboard_instances ")).unwrap().to_owned();
    count.parse().unwrap()
}

fn listen(server: &Server) -> Connection {
    let mut connection = server.connect();
    connection.send("GET /leaving/channel HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(connection.head().status, 200);
    connection
}

#[test]
fn a_chat_in_a_static_reaches_each_listener_once_from_every_core() {
    let server = server(
        "[handlers.leaving]\nsql = \"notes\"\ninstances = 1\n[handlers.leaving.limits]\ncall_timeout = \"5m\"",
    );
    server.log.wait_for("instances=1");
    let mut listeners: Vec<_> = (0..LISTENERS).map(|_| listen(&server)).collect();
    let (visits, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..GUESTS {
            scope.spawn(|| {
                for _ in 0..VISITS {
                    drop(listen(&server));
                    visits.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            for number in 0..MESSAGES {
                let mut connection = server.connect();
                connection
                    .send(format!("POST /tell/{number} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n"));
                let told: usize = connection.reply().text().parse().unwrap();
                assert!(told >= LISTENERS, "message {number} was told to {told}");
            }
            over.store(true, Ordering::Relaxed);
        });
        for listener in &mut listeners {
            scope.spawn(|| {
                let mut next = 0;
                while next < MESSAGES {
                    let events = String::from_utf8(listener.chunk().expect("the stream goes on")).unwrap();
                    for event in events.lines().filter_map(|line| line.strip_prefix("data: ")) {
                        if let Ok(number) = event.parse::<usize>() {
                            assert_eq!(number, next, "each message comes once, in order");
                            next += 1;
                        }
                    }
                }
            });
        }
    });
    assert_eq!(visits.load(Ordering::Relaxed), GUESTS * VISITS);
    assert!(over.load(Ordering::Relaxed));
    // Those that left are let go of, and the instance is the same.
    wait_until("only those that stay listen", || {
        let mut connection = server.connect();
        connection.send("POST /tell/end HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
        connection.reply().text() == LISTENERS.to_string()
    });
    assert_eq!(live(&server), 1);
}

#[test]
fn all_calls_of_all_cores_are_of_so_many_instances() {
    for instances in [1, 2, 3] {
        let server = server(&format!("[handlers.leaving]\nsql = \"notes\"\ninstances = {instances}"));
        // More than one instance takes at once by itself.
        let open: Vec<_> = (0..600).map(|_| listen(&server)).collect();
        let found = live(&server);
        assert!((1..=instances).contains(&found), "{found} of {instances}");
        drop(open);
    }
}

#[test]
fn a_trap_begins_anew() {
    let server =
        Server::builder().server("cores = 2").guest("ill").config("[handlers.ill]\ninstances = 1").start();
    for _ in 0..3 {
        server.connect().get("/trap").expect_error(500);
        server.connect().get("/ok").expect(200, "ok");
    }
}

#[test]
fn a_client_that_leaves_is_noticed_on_the_other_core() {
    let server = server("[handlers.leaving]\nsql = \"notes\"\ninstances = 1");
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let mut connection = server.connect();
            connection.send("GET /leaving/sleep HTTP/1.1\r\nHost: test\r\n\r\n");
            connection
        })
        .collect();
    wait_until("all wait", || calls(&server) >= 8);
    drop(waiting);
    wait_until("all were told", || server.get("/counts").text().contains("sleep=8"));
}

#[test]
fn a_call_that_computes_lets_the_others_wait() {
    let server = Server::builder()
        .server("cores = 2")
        .guest("ill")
        .config("[handlers.ill]\ninstances = 1\n[handlers.ill.limits]\ncpu_timeout = \"1s\"")
        .start();
    let mut spinning = server.connect();
    spinning.send("GET /spin HTTP/1.1\r\nHost: test\r\n\r\n");
    for _ in 0..4 {
        let mut other = server.connect();
        let reply = other.get("/ok");
        // It waits, or had begun in the instance that ends.
        assert!(matches!(reply.status, 200 | 500 | 503), "{reply:?}");
    }
    let head = spinning.head();
    assert_eq!((head.status, spinning.body(&head).1), (500, BodyEnd::Complete));
    server.connect().get("/ok").expect(200, "ok");
}

#[test]
fn the_table_says_how_many() {
    let routes = Server::builder()
        .guest("ill")
        .config("[handlers.ill]\ninstances = 1\nroutes = [\"GET /ok\"]")
        .routes(&[]);
    assert!(routes.output.contains("handler ill (1 instance)"), "{routes:?}");
}

#[test]
fn a_number_of_instances_is_for_shared_ones() {
    for isolation in ["request", "reuse"] {
        let checked = Server::builder()
            .guest("leaving")
            .config("[sql.notes]")
            .config(&format!(
                "[handlers.leaving]\nsql = \"notes\"\ninstances = 1\nisolation = \"{isolation}\""
            ))
            .check();
        assert_eq!(checked.code, Some(2), "{checked:?}");
        assert!(checked.log.contains("instances is for handlers whose calls share instances"), "{checked:?}");
    }
}
