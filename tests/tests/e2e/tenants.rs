//! Handlers that have limits together, and their shares of a core that all of them want.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use patchboard_tests::{Answer, Connection, Server, ServerBuilder, Upstream, test_guest, wait_until};

fn ask(server: &Server, path: &str) -> Connection {
    let mut connection = server.connect();
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
    connection
}

/// The handler `name`, whose routes are below its name.
fn ill(builder: ServerBuilder, name: &str, limits: &str) -> ServerBuilder {
    let route = |of: &str| format!("{{ route = \"GET /{name}/{of}\", name = \"{of}\" }}");
    let routes = ["ok", "never", "compute"].map(route).join(", ");
    builder
        .guest_as("ill", name)
        .config(&format!("[handlers.{name}]\nroutes = [{routes}]\nlimits = {{ {limits} }}"))
}

#[test]
fn calls_of_a_tenant_are_counted_together() {
    let limits = "queue_timeout = \"300ms\"";
    let builder =
        ["acme-a", "acme-b", "other"].iter().fold(Server::builder(), |b, name| ill(b, name, limits));
    let server = builder.config("[tenants.acme]\nhandlers = \"acme-*\"\ncalls = 2").start();
    server.log.wait_for("tenant=\"acme\"");
    let held = [ask(&server, "/acme-a/never"), ask(&server, "/acme-b/never")];
    wait_until("both are under way", || server.get("/acme-a/ok").status == 503);
    server.get("/acme-b/ok").expect_error(503);
    server.get("/other/ok").expect(200, "ok");
    drop(held);
    wait_until("they have ended", || server.get("/acme-b/ok").status == 200);
}

#[test]
fn what_is_dropped_in_later_belongs_to_its_tenant() {
    let server = Server::builder()
        .file("handlers/README", "")
        .config("[tenants.late]\nhandlers = [\"none\", \"*ll\"]")
        .start();
    server.put("handlers/ill.wasm", std::fs::read(test_guest("ill")).unwrap());
    server.log.wait_for_all(&["loaded", "handler=\"ill\"", "tenant=\"late\""]);
    server.get("/ok").expect(200, "ok");
}

#[test]
fn outbound_requests_of_a_tenant_are_counted_together() {
    let delay = std::time::Duration::from_millis(50);
    let upstream = Upstream::start(Answer { status: "200 OK", body: "{}", delay });
    let handler = |name: &str| {
        format!(
            "[handlers.{name}]\nroutes = [{{ route = \"POST /{name}\", name = \"demo2\" }}]\n\
             outbound = [\"{0}\"]\nenvironment = {{ ORIGIN = \"{0}\" }}\n",
            upstream.origin()
        )
    };
    let demo2 = std::fs::read(patchboard_tests::demo_handler("demo2")).unwrap();
    let server = Server::builder()
        .file("handlers/one.wasm", &demo2)
        .file("handlers/two.wasm", &demo2)
        .config(&(handler("one") + &handler("two")))
        .config("[tenants.both]\nhandlers = [\"one\", \"two\"]\noutbound_calls = 3")
        .start();
    let mut connections: Vec<_> = (0..12).map(|_| server.connect()).collect();
    for (number, connection) in connections.iter_mut().enumerate() {
        let name = ["one", "two"][number % 2];
        connection.send(format!("POST /{name} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n"));
    }
    for connection in &mut connections {
        connection.reply().expect(200, "welcome");
    }
    assert_eq!((upstream.most_at_once(), upstream.asked().len()), (3, 12));
}

#[test]
fn who_computes_has_a_core_by_the_weight_of_its_tenant() {
    const ANSWERS: usize = 160;
    const CLIENTS: usize = 4;
    let builder = ["one", "three"]
        .iter()
        .fold(Server::builder().server("cores = 1"), |b, name| ill(b, name, "cpu_timeout = \"1m\""));
    let shares = "[tenants.a]\nhandlers = \"one\"\n[tenants.b]\nhandlers = \"three\"\ncpu_share = 3";
    let server = builder.config(shares).start();
    let answers = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let ready = AtomicUsize::new(0);
    let all = || answers.each_ref().map(|answers| answers.load(Ordering::Relaxed));
    thread::scope(|scope| {
        for (name, answers) in ["one", "three"].iter().zip(&answers) {
            for _ in 0..CLIENTS {
                let (server, all, ready) = (&server, &all, &ready);
                scope.spawn(move || {
                    let mut connection = server.connect();
                    connection.get(&format!("/{name}/ok")).expect(200, "ok");
                    ready.fetch_add(1, Ordering::Relaxed);
                    // Whoever began before the others would be counted for more than its share.
                    wait_until("all are there", || ready.load(Ordering::Relaxed) == 2 * CLIENTS);
                    while all().iter().sum::<usize>() < ANSWERS {
                        connection.get(&format!("/{name}/compute?steps=20000000")).expect(200, "20000000");
                        // What was under way when it was over would be counted for both alike.
                        if all().iter().sum::<usize>() < ANSWERS {
                            answers.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        }
    });
    let [one, three] = all();
    let ratio = three as f64 / one as f64;
    assert!((2.7..=3.3).contains(&ratio), "{one} and {three} answers: {ratio}");
}
