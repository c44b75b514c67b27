//! Listening sockets that a supervisor passes, as systemd does, and keeps.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use patchboard_tests::{Connection, Server, wait_until};
use rustix::process::Signal;

/// A socket that listens, as a supervisor has it.
fn socket() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port is free")
}

#[test]
fn the_socket_that_is_passed_is_used_in_the_place_of_listen() {
    let socket = socket();
    let server = Server::builder().demo("hello").inherit(&socket).start();
    assert_eq!(server.address(), socket.local_addr().unwrap());
    server.log.wait_for("LISTEN_FDS");
    server.get("/").expect(200, "Hello, world");
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    // As in a child of a process that was activated.
    let server =
        Server::builder().demo("hello").variable("LISTEN_FDS", "1").variable("LISTEN_PID", "1").start();
    server.get("/").expect(200, "Hello, world");
    assert_eq!(server.log.count("LISTEN_FDS"), 0);
}

#[test]
fn what_is_no_listening_socket_is_refused() {
    let exited = Server::builder().variable("LISTEN_FDS", "1").start_in_vain();
    assert_eq!(exited.code, Some(2), "{}", exited.log);
    assert!(exited.log.contains("LISTEN_FDS") && exited.log.contains("pass listening TCP"), "{}", exited.log);
}

#[test]
fn no_connection_is_lost_when_one_server_takes_over_from_another() {
    const UPGRADES: usize = 4;
    let socket = socket();
    let address = socket.local_addr().unwrap();
    let start = || Server::builder().demo("hello").server("access_log = \"off\"").inherit(&socket).start();
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut server = start();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let mut connection = Connection::open(address);
                    connection.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
                    connection.reply().expect(200, "Hello, world");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..UPGRADES {
            let before = answered.load(Ordering::Relaxed);
            wait_until("requests are answered", || answered.load(Ordering::Relaxed) > before + 100);
            let next = start();
            let old = std::mem::replace(&mut server, next);
            // It drains while the other accepts, and ends though the requests do not.
            old.stop();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn while_no_server_runs_clients_wait_in_the_socket() {
    let socket = socket();
    let start = || Server::builder().demo("hello").inherit(&socket).start();
    let mut server = start();
    server.get("/").expect(200, "Hello, world");
    server.signal(Signal::TERM);
    server.wait_exit();
    let mut waiting = Connection::open(socket.local_addr().unwrap());
    waiting.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let _next = start();
    waiting.reply().expect(200, "Hello, world");
}
