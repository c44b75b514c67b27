//! `patchboard load` against our own server: what it counts is what the server logged.

use patchboard_tests::{Exited, Server, wait_until};

fn load(file: &str, arguments: &[&str]) -> Exited {
    Server::builder().file(file, vec![0xAB; 100_000]).load(arguments)
}

#[test]
fn rounds_of_uploads() {
    let server = Server::builder().demo("upload").start();
    let url = server.url("/upload");
    let form = ["-F", "image_id={{seq}}", "-F", "image=@photo.jpg", "--expect-json=/files/0/size=100000"];
    let rounds = ["--rounds", "4", "-c", "6", "--pause", "10ms", "--threads", "2"];
    let exited = load("photo.jpg", &[&[url.as_str()], &form[..], &rounds[..]].concat());
    assert_eq!(exited.code, Some(0), "{}{}", exited.output, exited.log);
    let lines: Vec<_> = exited.output.lines().collect();
    assert!(
        lines[0].contains("concurrency  total s  longest ms  shortest ms  top 90 % ms  mean ms"),
        "{lines:?}"
    );
    for (number, line) in lines[1..=4].iter().enumerate() {
        let cells: Vec<_> = line.split_whitespace().collect();
        assert_eq!(cells[..2], [(number + 1).to_string().as_str(), "6"], "{line}");
    }
    assert!(exited.output.contains("status 200  24  100 %"), "{}", exited.output);
    wait_until("24 lines", || server.access_log.count("target=\"/upload\" status=200") == 24);
}

#[test]
fn a_handlers_failures_are_told() {
    let server = Server::builder().demo("upload").start();
    let exited = load("x", &[&server.url("/upload"), "-d", "no form", "-n", "10", "-c", "2"]);
    assert_eq!(exited.code, Some(1), "{}{}", exited.output, exited.log);
    assert!(exited.output.contains("unexpected status: 10, for example:\n  status 400"), "{}", exited.output);
}

#[test]
fn what_cannot_be_done_is_said() {
    let exited = load("x", &["http://192.0.2.1/"]);
    assert_eq!(exited.code, Some(2));
    assert!(
        exited.log.starts_with("error: 192.0.2.1 is 192.0.2.1, which is neither loopback"),
        "{}",
        exited.log
    );
}
