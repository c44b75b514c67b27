//! What a handler was not granted it does not have.

use std::os::unix::fs::symlink;
use std::time::Duration;

use patchboard_tests::{Answer, Server, Upstream, wait_until};
use rustix::process::Signal;

fn with_folders() -> Server {
    let builder = Server::builder()
        .guest("ill")
        .file("templates/page.html", "<p>page")
        .file("data/old.txt", "old")
        .file("secret.txt", "secret")
        .config(
            "[handlers.ill]\nisolation = \"request\"\nfolders = { \"/templates\" = \"templates\" }\n\
             writable_folders = { \"/data\" = \"data\" }",
        );
    symlink("../secret.txt", builder.dir().join("templates/link.txt")).unwrap();
    symlink("/etc", builder.dir().join("data/etc")).unwrap();
    builder.start()
}

#[test]
fn a_granted_folder_is_read() {
    let server = with_folders();
    server.get("/file/templates/page.html").expect(200, "<p>page");
    server.get("/file/data/old.txt").expect(200, "old");
}

#[test]
fn nothing_outside_a_granted_folder_is_read() {
    let server = with_folders();
    // Encoded, since dot segments in a target are refused by the host already.
    for path in ["secret.txt", "etc/passwd", "templates/link.txt", "data/etc/passwd", "proc/self/environ"] {
        let text = server.get(&format!("/file/{path}")).text().to_owned();
        assert!(text.starts_with("error: "), "{path}: {text}");
    }
}

#[test]
fn only_a_writable_folder_is_written() {
    let server = with_folders();
    let post = |path: &str| server.client().post(&server.url(path), "text/plain", b"").text().to_owned();
    assert_eq!(post("/file/data/new.txt"), "written");
    assert_eq!(std::fs::read_to_string(server.dir().join("data/new.txt")).unwrap(), "written");
    for path in ["/file/templates/new.txt", "/file/templates/page.html", "/file/data/etc/x", "/file/x"] {
        let text = post(path);
        assert!(text.starts_with("error: "), "{path}: {text}");
    }
    assert_eq!(std::fs::read_to_string(server.dir().join("templates/page.html")).unwrap(), "<p>page");
}

#[test]
fn folders_are_not_for_shared_instances() {
    let exited = Server::builder()
        .guest("ill")
        .config("[handlers.ill]\nfolders = { \"/data\" = \"handlers\", \"data\" = \"none\" }")
        .check();
    assert_ne!(exited.code, Some(0));
    assert!(
        exited.log.contains("begins with `/`") && exited.log.contains("does not exist"),
        "{}",
        exited.log
    );
    let exited = Server::builder()
        .guest("ill")
        .config("[handlers.ill]\nfolders = { \"/data\" = \"handlers\" }")
        .check();
    assert!(exited.log.contains("isolation = \"request\""), "{}", exited.log);
}

#[test]
fn a_redirect_leads_to_no_origin_that_was_not_granted() {
    let forbidden = Upstream::start(Answer { status: "200 OK", body: "{}", delay: Duration::ZERO });
    let location = format!("307 Elsewhere\r\nlocation: {}/demo1/x", forbidden.origin());
    let upstream = Upstream::start(Answer { status: location.leak(), body: "", delay: Duration::ZERO });
    let config = format!(
        "[handlers.demo2]\noutbound = [\"{0}\"]\nenvironment = {{ ORIGIN = \"{0}\" }}",
        upstream.origin()
    );
    let server = Server::builder().demo("demo2").config(&config).start();
    // The host leaves redirects to the handler, whose next request needs a grant as any.
    server.post_form("/demo2", "");
    assert_eq!((upstream.asked().len(), forbidden.asked().len()), (1, 0));
}

#[test]
fn a_name_that_leads_to_a_private_address_is_refused() {
    // The name of this machine leads to an address of its own, where it leads anywhere.
    let name = std::fs::read_to_string("/etc/hostname").unwrap();
    let upstream = Upstream::start(Answer { status: "200 OK", body: "{}", delay: Duration::ZERO });
    let port = upstream.origin().rsplit(':').next().unwrap().to_owned();
    let origin = format!("http://{}:{port}", name.trim());
    let config =
        format!("[handlers.demo2]\noutbound = [\"{origin}\"]\nenvironment = {{ ORIGIN = \"{origin}\" }}");
    let server = Server::builder().demo("demo2").config(&config).start();
    assert_eq!(server.post_form("/demo2", "").status, 502);
    assert_eq!(upstream.asked(), []);
}

#[test]
fn a_handler_has_the_values_it_was_given() {
    let server = Server::builder()
        .server("secrets = \"secrets\"")
        .guest("ill")
        .file("secrets/api-key", "s3cret\n")
        .variable("REGION", "north")
        .config(
            "[handlers.ill.config]\none = \"first\"\nkey = { secret = \"api-key\" }\n\
             region = { variable = \"REGION\" }\n\
             [handlers.ill.environment]\nTOKEN = { secret = \"api-key\" }",
        )
        .start();
    server.get("/config").expect(200, "Some(\"first\")\nkey=s3cret\none=first\nregion=north\n");
    server.get("/env").expect(200, "TOKEN=s3cret\n");
    // A secret that was changed comes with the next reload.
    server.put("secrets/api-key", "another");
    server.signal(Signal::HUP);
    wait_until("the new secret", || server.get("/config").text().contains("key=another"));
    assert_eq!(server.log.count("s3cret") + server.log.count("another"), 0);
}

#[test]
fn a_value_that_is_not_there_is_said_without_any_other() {
    let exited = Server::builder()
        .server("secrets = \"secrets\"")
        .guest("ill")
        .file("secrets/api-key", "s3cret\n")
        .config(
            "[handlers.ill.config]\na = { secret = \"none\" }\nb = { variable = \"PB_NONE\" }\n\
             c = { secret = \"../x\" }\nd = 4\ne = { secrets = \"api-key\" }\nf = { secret = \"api-key\" }",
        )
        .check();
    assert_ne!(exited.code, Some(0));
    for expected in ["secrets/none", "PB_NONE", "the name of a secret", "d", "did you mean `secret`"] {
        assert!(exited.log.contains(expected), "{expected}: {}", exited.log);
    }
    assert!(!exited.log.contains("s3cret"), "{}", exited.log);
}
