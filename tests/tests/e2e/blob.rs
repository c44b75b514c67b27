//! Blob folders of handlers: grants, both interfaces, and what a client that leaves, a
//! trap, a link or a limit does to what is put.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;

use patchboard_tests::{Server, ServerBuilder, wait_until};

const GRANTED: &str = "[handlers.blob]\nblob = \"uploads\"\n";
const BINARY: &str = "application/octet-stream";

fn post(server: &Server, path: &str, body: &[u8]) -> String {
    server.client().post(&server.url(path), BINARY, body).text().to_owned()
}

/// Puts an object; gives its entity tag.
#[track_caller]
fn put(server: &Server, name: &str, bytes: &[u8]) -> String {
    let told = post(server, &format!("/put?name={name}"), bytes);
    match told.split_once(' ') {
        Some((size, etag)) if size == bytes.len().to_string() => etag.to_owned(),
        _ => panic!("{name}: {told}"),
    }
}

/// Everything in a folder of the server's data.
fn files(server: &Server, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(server.dir().join("data/blob").join(folder)).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[track_caller]
fn expect_problems(builder: ServerBuilder, expected: &[&str]) {
    let exited = builder.check();
    assert_eq!(exited.code, Some(2), "{}", exited.log);
    for expected in expected {
        assert!(exited.log.contains(expected), "{expected}: {}", exited.log);
    }
}

#[test]
fn what_is_not_granted_is_refused_with_the_line_to_add() {
    expect_problems(
        Server::builder().guest("blob").guest("p2-blob"),
        &[
            "handler blob: imports patchboard:handler/blob, which is not granted; \
             add blob = \"blob\" to [handlers.blob]",
            "handler p2-blob: imports wasi:blobstore/",
            "which are not granted; add blob = \"p2-blob\" to [handlers.p2-blob]",
        ],
    );
    let server = Server::builder().guest("blob").config(GRANTED).start();
    let told = server.get("/head?folder=other&name=a").text().to_owned();
    assert_eq!(told, "error: the blob folder other is not granted");
    server.log.wait_for_all(&["add blob = \"other\" to [handlers.blob]"]);
}

#[test]
fn what_is_wrong_with_a_folder_is_said() {
    expect_problems(
        Server::builder().guest("blob").config(
            "[handlers.blob]\nblob = [\"a\", \"a\", \"../b\", { name = \"c\", read_only = true, also = 1 }]\n\
             [blob.d]\ntimeout = \"0s\"\nobject_bytes = \"2MiB\"\nfolder_bytes = \"1MiB\"\n\
             [blob.e]\ndir = \"same\"\n[blob.f]\ndir = \"same/beneath\"\n",
        ),
        &[
            "blob: `a` is there twice",
            "`../b`",
            "also",
            "blob.d.timeout",
            "folder_bytes must be at least object_bytes",
            "the folder is that of [blob.e], or one is in the other",
        ],
    );
    // Where a folder should be is a file.
    let exited =
        Server::builder().guest("blob").config(GRANTED).file("data/blob/uploads", "x").start_in_vain();
    assert_eq!(exited.code, Some(2));
    assert!(exited.log.contains("blob folder uploads: cannot keep objects in"), "{}", exited.log);
}

#[test]
fn objects_come_and_go_in_every_isolation() {
    for isolation in ["shared", "reuse", "request"] {
        let server = Server::builder()
            .guest("blob")
            .config(&format!("{GRANTED}isolation = \"{isolation}\"\n"))
            .start();
        server.get("/get?name=a/b.txt").expect(404, "no such object\n");
        let first = put(&server, "a/b.txt", b"content");
        let second = put(&server, "a/b.txt", b"content");
        assert_ne!(first, second, "another put has another tag");
        put(&server, "empty", b"");
        let reply = server.get("/get?name=a/b.txt");
        reply.expect(200, "content");
        assert_eq!(reply.header("etag"), Some(second.as_str()));
        assert_eq!(reply.header("content-length"), Some("7"));
        assert_eq!(reply.header("content-type"), Some(BINARY));
        assert!(reply.header("last-modified").is_some_and(|date| date.ends_with(" GMT")));
        server.get("/get?name=empty").expect(200, "");
        server.get("/head?name=a/b.txt").expect(200, &format!("7 {second}"));
        server.get("/list?name=").expect(200, "a/b.txt:7 empty:0");
        assert_eq!(post(&server, "/delete?name=a/b.txt", b""), "true");
        assert_eq!(post(&server, "/delete?name=a/b.txt", b""), "false");
        assert_eq!(files(&server, "uploads"), ["empty"]);
    }
}

#[test]
fn a_range_is_a_part_and_ends_with_the_object() {
    let server = Server::builder().guest("blob").config(GRANTED).start();
    put(&server, "digits", b"0123456789");
    for (range, expected) in [
        ("from=0&to=3", "012"),
        ("from=4", "456789"),
        ("from=8&to=99", "89"),
        ("from=10", ""),
        ("from=5&to=2", ""),
    ] {
        let reply = server.get(&format!("/part?name=digits&{range}"));
        reply.expect(200, expected);
        assert_eq!(reply.header("content-length"), Some(expected.len().to_string().as_str()));
    }
    server.get("/part?name=digits&from=11").expect(400, "not an object's name or range\n");
    server.log.wait_for("byte 11 is behind the end of an object of 10 bytes");
}

#[test]
fn a_field_of_a_form_is_put_as_it_comes() {
    let server = Server::builder().guest("blob").config(GRANTED).start();
    let form = "--x\r\nContent-Disposition: form-data; name=\"one\"\r\n\r\nfirst\r\n\
                --x\r\nContent-Disposition: form-data; name=\"two\"; filename=\"f\"\r\n\r\nsecond!\r\n--x--\r\n";
    let reply =
        server.client().post(&server.url("/form"), "multipart/form-data; boundary=x", form.as_bytes());
    reply.expect(200, "[5, 7]");
    server.get("/get?name=two").expect(200, "second!");
}

#[test]
fn names_and_links_lead_nowhere_else() {
    let server = Server::builder().guest("blob").config(GRANTED).file("secret", "secret").start();
    for name in [
        "..%2Fsecret",
        "../../../secret",
        "a/../../secret",
        "%2Fetc%2Fpasswd",
        "./a",
        "a//b",
        "a/",
        "",
        "a%00b",
        ".patchboard-put-1-1",
        "a/.patchboard-x",
    ] {
        let told = post(&server, &format!("/put?name={name}"), b"x");
        assert!(told.starts_with("error: the name of an object has "), "{name}: {told}");
        server.get(&format!("/get?name={name}")).expect(400, "not an object's name or range\n");
        let told = post(&server, &format!("/delete?name={name}"), b"");
        assert!(told.starts_with("error: the name of an object has "), "{name}: {told}");
    }
    let folder = server.dir().join("data/blob/uploads");
    symlink(server.dir(), folder.join("out")).unwrap();
    symlink(server.dir().join("secret"), folder.join("link")).unwrap();
    for name in ["out/secret", "link"] {
        server.get(&format!("/get?name={name}")).expect(404, "no such object\n");
        assert_eq!(post(&server, &format!("/delete?name={name}"), b""), "false");
    }
    assert!(post(&server, "/put?name=out/new", b"x").starts_with("error: `out` is an object, or no folder"));
    server.get("/list?name=").expect(200, "");
    put(&server, "link", b"mine");
    assert_eq!(fs::read(server.dir().join("secret")).unwrap(), b"secret");
    assert!(!server.dir().join("new").exists());
}

#[test]
fn sixty_four_mebibytes_go_in_and_out_in_little_memory() {
    const LENGTH: usize = 64 << 20;
    let server = Server::builder()
        .guest("blob")
        .config(GRANTED)
        .config("[handlers.blob.limits]\nrequest_body_bytes = \"1GiB\"\ncall_timeout = \"5m\"\ncpu_timeout = \"2m\"")
        .start();
    let body = std::io::repeat(b'x').take(LENGTH as u64);
    let url = server.url("/put?name=large");
    let reply = server.client().post_reader(&url, BINARY, body, None);
    assert!(reply.text().starts_with("67108864 "), "{reply:?}");
    let got = server.get("/get?name=large").body;
    assert!(got.len() == LENGTH && got.iter().all(|&byte| byte == b'x'));
    let peak = server.peak_memory();
    eprintln!("peak memory {} MiB", peak >> 20);
    assert!(peak < 150 << 20, "{} MiB", peak >> 20);
}

#[test]
fn objects_and_folders_have_limits_by_name() {
    let server = Server::builder()
        .guest("blob")
        .config(GRANTED)
        .config("[blob.uploads]\nobject_bytes = 1000\nfolder_bytes = 1500\nfolder_objects = 3")
        .start();
    let told = post(&server, "/put?name=a", &[0; 1001]);
    assert_eq!(told, "error: the object would have more than 1000 bytes (object_bytes)");
    put(&server, "a", &[0; 1000]);
    let told = post(&server, "/put?name=b", &[0; 501]);
    assert_eq!(told, "error: the folder would have more than 1500 bytes (folder_bytes)");
    let reply = server.client().post(&server.url("/answer?name=b"), BINARY, &[0; 501]);
    reply.expect(413, "too large\n");
    put(&server, "b", &[0; 500]);
    put(&server, "c", b"");
    let told = post(&server, "/put?name=d", b"");
    assert_eq!(told, "error: the folder has 3 objects already (folder_objects)");
    assert_eq!(post(&server, "/delete?name=a", b""), "true");
    put(&server, "d", &[0; 1000]);
    assert_eq!(files(&server, "uploads"), ["b", "c", "d"]);
}

#[test]
fn puts_of_one_name_are_never_mixed() {
    let server = Server::builder().server("cores = 2").guest("blob").config(GRANTED).start();
    let etags: Vec<String> = thread::scope(|scope| {
        let putting: Vec<_> = (0..8_u8)
            .map(|n| {
                scope.spawn({
                    let server = &server;
                    move || put(server, "a", &vec![b'0' + n; 300_000])
                })
            })
            .collect();
        putting.into_iter().map(|put| put.join().unwrap()).collect()
    });
    let reply = server.get("/get?name=a");
    assert!(reply.body.len() == 300_000 && reply.body.iter().all(|&byte| byte == reply.body[0]));
    assert!(etags.iter().any(|etag| reply.header("etag") == Some(etag)), "one of them is the last");
    assert_eq!(files(&server, "uploads"), ["a"]);
}

#[test]
fn who_reads_while_an_object_is_replaced_has_the_old_one_whole() {
    const LENGTH: usize = 16 << 20;
    let server = Server::builder()
        .guest("blob")
        .config(&format!("{GRANTED}[handlers.blob.limits]\nrequest_body_bytes = \"32MiB\"\n"))
        .start();
    put(&server, "a", &vec![b'o'; LENGTH]);
    let mut reading = server.connect();
    reading.send("GET /get?name=a HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = reading.head();
    put(&server, "a", b"new");
    let (body, _) = reading.body(&head);
    assert!(body.len() == LENGTH && body.iter().all(|&byte| byte == b'o'));
    server.get("/get?name=a").expect(200, "new");
}

#[test]
fn a_client_that_leaves_half_way_leaves_nothing() {
    let server = Server::builder().guest("blob").config(GRANTED).start();
    let mut leaving = server.connect();
    leaving.send("POST /put?name=a HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n");
    leaving.send(vec![b'x'; 500_000]);
    wait_until("it is written", || {
        let folder = server.dir().join("data/blob/uploads");
        fs::read_dir(folder).unwrap().any(|entry| entry.unwrap().metadata().is_ok_and(|file| file.len() > 0))
    });
    server.get("/list?name=").expect(200, "");
    server.get("/get?name=a").expect(404, "no such object\n");
    drop(leaving);
    wait_until("it is removed", || files(&server, "uploads").is_empty());
}

#[test]
fn a_trap_or_a_failure_half_way_leaves_nothing() {
    let server = Server::builder().guest("blob").config(GRANTED).start();
    put(&server, "a", b"old");
    server.client().post(&server.url("/trap?name=a"), BINARY, b"").expect_error(500);
    assert_eq!(post(&server, "/fail?name=a", b""), "error: the content failed: the source is dry");
    wait_until("what was written is removed", || files(&server, "uploads") == ["a"]);
    server.get("/get?name=a").expect(200, "old");
}

#[test]
fn open_objects_are_limited_and_end_with_their_call() {
    let server = Server::builder()
        .guest("blob")
        .config(&format!(
            "{GRANTED}[handlers.blob.limits]\nblob_calls = 4\n[blob.uploads]\ntimeout = \"200ms\"\n"
        ))
        .start();
    // Longer than what is read at once: a short object is closed when it has been read.
    put(&server, "a", &[b'x'; 400_000]);
    for _ in 0..3 {
        let told = server.get("/hoard?name=a").text().to_owned();
        if told != "4: too many operations of this handler are under way (limits.blob_calls)" {
            panic!("{told}");
        }
    }
    assert_eq!(server.get("/get?name=a").body.len(), 400_000);
}

#[test]
fn a_list_has_all_pages() {
    let builder = (0..2500).fold(Server::builder(), |builder, number| {
        builder.file(&format!("data/blob/uploads/many/{number:05}"), "x")
    });
    let server = builder.guest("blob").config(GRANTED).start();
    let listed = server.get("/list?name=many/").text().to_owned();
    let expected: Vec<_> = (0..2500).map(|number| format!("many/{number:05}:1")).collect();
    assert_eq!(listed, expected.join(" "));
}

#[test]
fn a_folder_for_reading_is_not_changed() {
    let server = Server::builder()
        .guest("blob")
        .config("[handlers.blob]\nblob = { name = \"uploads\", read_only = true }\n[blob.uploads]\ndir = \"given\"")
        .file("given/a", "there")
        .start();
    server.get("/get?name=a").expect(200, "there");
    for path in ["/put?name=a", "/delete?name=a"] {
        assert_eq!(post(&server, path, b"x"), "error: the blob folder is granted for reading only");
    }
}

#[test]
fn objects_outlive_the_server_and_what_it_left_half_way_does_not() {
    let data = tempfile::tempdir().unwrap();
    let line = format!("data = \"{}\"", data.path().display());
    let builder = || Server::builder().server(&line).guest("blob").config(GRANTED);
    let server = builder().start();
    put(&server, "a", b"kept");
    server.stop();
    let left = data.path().join("blob/uploads/.patchboard-put-1-1");
    fs::write(&left, "half").unwrap();
    // A check touches nothing.
    assert_eq!(builder().check().code, Some(0));
    assert!(left.exists());
    let server = builder().start();
    server.get("/get?name=a").expect(200, "kept");
    assert!(!Path::new(&left).exists());
}

#[test]
fn a_component_of_wasi_has_wasi_blobstore() {
    const SEEN: &str = "uploads true
false
a/b uploads 40006 true
5 23456
40006 0
(1, false) ([\"copy\", \"empty\", \"moved\"], true)
([\"a/b\"], false)
([], true)
Some(\"there is no such object\")
Some(\"the name of an object has no segment `..`\")
true true";
    for isolation in ["", "isolation = \"reuse\"\n", "isolation = \"request\"\n"] {
        let server = Server::builder()
            .guest("p2-blob")
            .config(&format!("[handlers.p2-blob]\nblob = \"uploads\"\n{isolation}"))
            .start();
        // More than once in an instance.
        for _ in 0..3 {
            server.get("/p2-blob/uploads").expect(200, SEEN);
        }
        server.get("/p2-blob/other").expect(200, "error: the container other is not granted");
        wait_until("what was dropped is removed", || files(&server, "uploads").is_empty());
    }
}

#[test]
fn wasi_blobstore_is_not_for_shared_instances() {
    const WAITING: &str = r#"(component
        (import "wasi:blobstore/blobstore@0.2.0-draft" (instance))
        (instance $handler)
        (export "wasi:http/handler@0.3.0" (instance $handler))
    )"#;
    expect_problems(
        Server::builder()
            .component("waiting", WAITING)
            .config("[handlers.waiting]\nblob = \"uploads\"\nisolation = \"shared\""),
        &["imports wasi:blobstore/blobstore@0.2.0-draft, which would hold every call of a shared instance; \
             use patchboard:handler/blob, or set isolation = \"request\" or \"reuse\" in [handlers.waiting]"],
    );
}
