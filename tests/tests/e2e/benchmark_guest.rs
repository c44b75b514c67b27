//! The benchmark's guest does the work that its scenarios are named after.

use patchboard_tests::{Server, Shared};

static SERVER: Shared = Shared::new(|| Server::builder().guest("work").start());

#[test]
fn it_awaits() {
    SERVER.get().get("/sleep").expect(200, "slept");
}

#[test]
fn it_parses_json_and_writes_it() {
    let server = SERVER.get();
    let json = r#"{"a":[1,2.5,null],"b":{"c":"ü"}}"#;
    let reply = server.client().post(&server.url("/echo"), "application/json", json.as_bytes());
    reply.expect(200, json);
    let reply = server.client().post(&server.url("/echo"), "application/json", b"{");
    assert_eq!(reply.status, 400);
}

#[test]
fn it_counts_a_large_body_and_sends_one() {
    let server = SERVER.get();
    let large = vec![b'x'; 10 << 20];
    let reply = server.client().post(&server.url("/count"), "application/octet-stream", &large);
    reply.expect(200, "10485760");
    let reply = server.get("/stream");
    assert_eq!(reply.status, 200);
    assert!(reply.body == large, "{} bytes", reply.body.len());
}
