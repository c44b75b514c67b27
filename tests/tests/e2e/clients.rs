//! What one client may ask for.

use patchboard_tests::{Connection, Reply, Server, ServerBuilder, wait_until};

fn builder(keys: &str) -> ServerBuilder {
    Server::builder().demo("hello").config(&format!("[clients]\n{keys}"))
}

/// As a proxy asks for the client `ip`.
fn ask_for(server: &Server, ip: &str) -> Reply {
    server.raw(&format!("GET / HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: {ip}\r\n\r\n"))
}

#[test]
fn who_asks_too_often_is_told_when_to_come_again() {
    let server = builder("requests_per_second = 1\nburst = 3").start();
    let statuses: Vec<_> = (0..6).map(|_| server.get("/").status).collect();
    assert_eq!(statuses[..3], [200; 3]);
    assert!(statuses.contains(&429), "{statuses:?}");
    let refused = std::iter::from_fn(|| Some(server.get("/"))).find(|reply| reply.status == 429).unwrap();
    refused.expect_error(429);
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3).contains(&after), "{after}");
    // Probes are no requests of clients.
    for _ in 0..10 {
        assert_eq!(server.get("/-/live").status, 200);
    }
    wait_until("the client may ask again", || server.get("/").status == 200);
}

#[test]
fn behind_a_proxy_each_client_is_its_own() {
    let server =
        builder("requests_per_second = 1\nburst = 1").server("trusted_proxies = \"127.0.0.1\"").start();
    for ip in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
        assert_eq!(ask_for(&server, ip).status, 200, "{ip}");
        assert_eq!(ask_for(&server, ip).status, 429, "{ip}");
    }
    // Another address of the same network.
    assert_eq!(ask_for(&server, "2001:db8::2").status, 429);
    assert_eq!(ask_for(&server, "2001:db8:0:1::1").status, 200);
}

#[test]
fn who_is_exempt_has_no_limits() {
    let server = builder("requests_per_second = 1\nconnections = 1\nexempt = \"127.0.0.0/8\"").start();
    let _open: Vec<_> = (0..5).map(|_| server.connect()).collect();
    for _ in 0..10 {
        server.get("/").expect(200, "Hello, world");
    }
}

#[test]
fn a_peer_has_so_many_connections() {
    let server = builder("connections = 2").start();
    let get = |connection: &mut Connection| connection.get("/").status;
    let (mut first, mut second) = (server.connect(), server.connect());
    assert_eq!([get(&mut first), get(&mut second)], [200; 2]);
    let mut third = server.connect();
    third.expect_closed();
    assert_eq!([get(&mut first), get(&mut second)], [200; 2]);
    drop(second);
    wait_until("there is a place again", || {
        let mut another = server.connect();
        another.try_send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").is_ok()
            && another.rest().starts_with(b"HTTP/1.1 200")
    });
    // It is for a reload to change.
    server.put("patchboard.toml", "[server]\nhandlers = \"handlers\"\n");
    server.log.wait_for("configuration reloaded");
    let mut more: Vec<_> = (0..5).map(|_| server.connect()).collect();
    assert!(more.iter_mut().all(|connection| get(connection) == 200));
}
