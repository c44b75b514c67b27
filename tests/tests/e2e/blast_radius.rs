//! How far the harm goes that clients do who leave while a handler is writing to them, or
//! reading from them: to their own calls.

use std::fs;
use std::thread;

use patchboard_tests::{BodyEnd, Connection, Server, wait_until};

const CLIENTS: usize = 1000;
const AT_ONCE: usize = 20;
const INSTANCES: usize = 100;

/// A server with one core, a pool that is not large, and a handler that can fill it.
fn server() -> Server {
    let filler = format!(
        "[handlers.filler]\nisolation = \"request\"\n\
         routes = [{{ route = \"GET /fill\", name = \"sleep\" }}]\n\
         [handlers.filler.limits]\ncalls = {INSTANCES}"
    );
    Server::builder()
        .server(&format!("cores = 1\naccess_log = \"off\"\ninstances = {INSTANCES}"))
        .guest("ill")
        .guest_as("ill", "filler")
        .config(&filler)
        .start()
}

/// Is sent a body without end, reads some of it, and leaves with the rest on its way.
fn leaves_while_it_is_written_to(server: &Server) {
    let mut connection = server.connect();
    connection.send("GET /endless HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(connection.head().status, 200);
    // Others have their turn, and the socket is full.
    server.get("/ok").expect(200, "ok");
}

/// Sends faster than it is read from, and leaves with most of its body still to come.
fn leaves_while_it_is_read_from(server: &Server) {
    let mut connection = server.connect();
    connection.send("POST /slow-read HTTP/1.1\r\nHost: test\r\nContent-Length: 10000000\r\n\r\n");
    connection.send([b'x'; 256 << 10]);
    server.get("/ok").expect(200, "ok");
}

/// Says something to `/echo`, and hears it.
#[track_caller]
fn converse(connection: &mut Connection, word: &str) {
    connection.send(format!("{:x}\r\n{word}\r\n", word.len()));
    assert_eq!(connection.chunk(), Ok(word.as_bytes().to_vec()));
}

#[test]
fn a_thousand_clients_that_leave_harm_no_neighbour_and_cost_no_instance() {
    let server = server();
    let mut sleeping = server.connect();
    sleeping.send("POST /sleep?ms=5000 HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
    let mut talking = server.connect();
    talking.send("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nbefore\r\n");
    let head = talking.head();
    assert_eq!((head.status, talking.chunk()), (200, Ok(b"before".to_vec())));

    thread::scope(|scope| {
        for client in 0..AT_ONCE {
            let leaves = [leaves_while_it_is_written_to, leaves_while_it_is_read_from][client % 2];
            let server = &server;
            scope.spawn(move || (0..CLIENTS / AT_ONCE).for_each(|_| leaves(server)));
        }
    });
    converse(&mut talking, "after");
    sleeping.reply().expect(200, "slept");
    converse(&mut talking, "later");

    // A trap reaches the neighbour: its instance is still the one that takes the calls.
    server.get("/trap").expect_error(500);
    assert_eq!(talking.body(&head).1, BodyEnd::Cut);
    server.get("/ok").expect(200, "ok");

    // Another version ends what instances there were; then there is room for all again.
    server.put("handlers/ill.wasm", wat::parse_str("(component)").unwrap());
    server.log.wait_for("exports no handler");
    fs::remove_file(server.handler_file("ill")).unwrap();
    server.log.wait_for("removed handler=\"ill\"");
    wait_until("all places of the pool can be taken at once", || {
        let mut filling: Vec<_> = (0..INSTANCES).map(|_| server.connect()).collect();
        for connection in &mut filling {
            connection.send("GET /fill?ms=1500 HTTP/1.1\r\nHost: test\r\n\r\n");
        }
        let statuses: Vec<_> = filling.iter_mut().map(|connection| connection.reply().status).collect();
        statuses.iter().all(|status| *status == 200)
    });
}
