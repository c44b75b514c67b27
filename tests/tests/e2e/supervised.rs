//! What a supervisor is told, as systemd listens to it (sd_notify(3)).

use std::os::unix::net::UnixDatagram;

use patchboard_tests::{PATIENCE, Server};
use rustix::process::Signal;

#[test]
fn a_supervisor_hears_of_the_start_reloads_life_and_the_end() {
    let builder = Server::builder().demo("hello");
    let path = builder.dir().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let wait_for = |wanted: &str| {
        loop {
            let mut text = [0; 512];
            let length = socket.recv(&mut text).unwrap();
            let text = String::from_utf8_lossy(&text[..length]).into_owned();
            if text.lines().any(|line| line == wanted) {
                return text;
            }
        }
    };
    let builder = builder.variable("NOTIFY_SOCKET", &path.display().to_string());
    let mut server = builder.variable("WATCHDOG_USEC", "300000").start();
    wait_for("READY=1");
    server.get("/").expect(200, "Hello, world");
    for _ in 0..3 {
        wait_for("WATCHDOG=1");
    }
    server.signal(Signal::HUP);
    // systemd wants to know since when (`Type=notify-reload`).
    assert!(wait_for("RELOADING=1").contains("MONOTONIC_USEC="));
    wait_for("READY=1");
    // Also where nothing comes of it.
    server.put("patchboard.toml", "wrong");
    server.signal(Signal::HUP);
    wait_for("RELOADING=1");
    wait_for("READY=1");
    server.log.wait_for("configuration not reloaded");
    server.signal(Signal::TERM);
    wait_for("STOPPING=1");
    assert_eq!(server.wait_exit().code, Some(0));
}
