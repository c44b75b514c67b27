//! Static mounts: what is served, how, and what is never.

use std::os::unix::fs::symlink;

use patchboard_tests::{Server, Shared};

const SECRET: &str = "nobody may read this";

static SITE: Shared = Shared::new(|| {
    let builder = Server::builder()
        .config(
            "[[static]]\nprefix = \"/\"\ndir = \"site\"\n\
             [[static]]\nprefix = \"/list\"\ndir = \"site\"\nshow_index = true\n\
             [[static]]\nprefix = \"/css\"\ndir = \"site/css\"\n\
             [[static]]\nprefix = \"/css2017\"\ndir = \"site/css\"",
        )
        .file("secret.txt", SECRET)
        .file("site-of-another/secret.txt", SECRET)
        .file("site/index.html", "<p>index</p>")
        .file("site/css/style.css", "p { color: red }")
        .file("site/sub/index.html", "<p>sub</p>")
        .file("site/empty/.hidden", SECRET)
        .file("site/.env", SECRET)
        .file("site/.git/config", SECRET)
        .file("site/app.js", "let x;")
        .file("site/data.json", "{}")
        .file("site/picture.svg", "<svg/>")
        .file("site/plain.txt", "text")
        .file("site/module.wasm", "\0asm")
        .file("site/no-extension", "bytes")
        .file("site/a b#c.txt", "odd name")
        .file("site/é.txt", "umlaut")
        .file("site/<b>.txt", "markup")
        .file("site/large.bin", vec![b'l'; 5 << 20]);
    let site = builder.dir().join("site");
    symlink("../secret.txt", site.join("link.txt")).unwrap();
    symlink(builder.dir().join("secret.txt"), site.join("absolute.txt")).unwrap();
    symlink("..", site.join("up")).unwrap();
    symlink("/", site.join("root")).unwrap();
    symlink("plain.txt", site.join("inner.txt")).unwrap();
    builder.start()
});

#[test]
fn files_have_their_bytes_type_and_length() {
    let server = SITE.get();
    for (path, media_type, body) in [
        ("/", "text/html; charset=utf-8", "<p>index</p>"),
        ("/index.html", "text/html; charset=utf-8", "<p>index</p>"),
        ("/sub/", "text/html; charset=utf-8", "<p>sub</p>"),
        ("/css/style.css", "text/css; charset=utf-8", "p { color: red }"),
        ("/app.js", "text/javascript; charset=utf-8", "let x;"),
        ("/data.json", "application/json", "{}"),
        ("/picture.svg", "image/svg+xml", "<svg/>"),
        ("/plain.txt", "text/plain; charset=utf-8", "text"),
        ("/module.wasm", "application/wasm", "\0asm"),
        ("/no-extension", "application/octet-stream", "bytes"),
        ("/a%20b%23c.txt", "text/plain; charset=utf-8", "odd name"),
        ("/%C3%A9.txt", "text/plain; charset=utf-8", "umlaut"),
    ] {
        let reply = server.get(path);
        reply.expect(200, body);
        assert_eq!(reply.header("content-type"), Some(media_type), "{path}");
        assert_eq!(reply.header("content-length"), Some(body.len().to_string().as_str()), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}

#[test]
fn a_folder_may_be_mounted_twice() {
    let server = SITE.get();
    server.get("/css2017/style.css").expect(200, "p { color: red }");
    assert_eq!(server.get("/css2017/style.css").body, server.get("/css/style.css").body);
}

#[test]
fn a_large_file_comes_whole() {
    let reply = SITE.get().get("/large.bin");
    assert_eq!((reply.status, reply.body.len()), (200, 5 << 20));
    assert!(reply.body.iter().all(|byte| *byte == b'l'));
}

#[test]
fn head_has_the_length_and_no_body() {
    let mut connection = SITE.get().connect();
    connection.send("HEAD /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = connection.head();
    assert_eq!((head.status, head.header("content-length")), (200, Some("5242880")));
    connection.get("/plain.txt").expect(200, "text");
}

#[test]
fn other_methods_are_405() {
    let server = SITE.get();
    for method in ["POST", "PUT", "DELETE"] {
        let reply =
            server.raw(&format!("{method} /plain.txt HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n"));
        reply.expect_error(405);
        let allow = reply.header("allow").unwrap();
        assert!(allow.contains("GET") && allow.contains("HEAD"), "{allow}");
    }
}

#[test]
fn a_client_that_has_the_file_is_told_so() {
    let server = SITE.get();
    let url = server.url("/plain.txt");
    let first = server.get("/plain.txt");
    let tag = first.header("etag").unwrap();
    let date = first.header("last-modified").unwrap();
    assert!(tag.starts_with('"'), "a strong validator: {tag}");
    let get = |name: &str, value: &str| server.client().get_with(&url, &[(name, value)]);
    for (name, value) in [
        ("if-none-match", tag),
        ("if-none-match", "*"),
        ("if-none-match", &format!("\"x\", W/{tag}")),
        ("if-modified-since", date),
        ("if-modified-since", "Fri, 31 Dec 2100 23:59:59 GMT"),
    ] {
        let reply = get(name, value);
        assert_eq!((reply.status, reply.body.len()), (304, 0), "{name}: {value}");
        assert_eq!(reply.header("etag"), Some(tag), "{name}: {value}");
    }
    for (name, value) in [
        ("if-none-match", "\"x\""),
        ("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("if-modified-since", "yesterday"),
    ] {
        get(name, value).expect(200, "text");
    }
    // The tag wins over the date (RFC 9110, section 13.1.3).
    let both = [("if-none-match", "\"x\""), ("if-modified-since", date)];
    server.client().get_with(&url, &both).expect(200, "text");
}

#[test]
fn edits_are_seen_at_once() {
    let server = Server::builder()
        .config("[[static]]\nprefix = \"/\"\ndir = \"site\"")
        .file("site/a.txt", "old")
        .start();
    let old = server.get("/a.txt");
    old.expect(200, "old");
    server.put("site/a.txt", "new, and longer");
    let new = server.get("/a.txt");
    new.expect(200, "new, and longer");
    assert_ne!(old.header("etag"), new.header("etag"));
    std::fs::remove_file(server.dir().join("site/a.txt")).unwrap();
    server.get("/a.txt").expect_error(404);
}

#[test]
fn a_folder_without_its_slash_is_redirected() {
    let server = SITE.get();
    for (path, location) in
        [("/sub", "/sub/"), ("/sub?a=b", "/sub/?a=b"), ("/css2017", "/css2017/"), ("/list/sub", "/list/sub/")]
    {
        let reply = server.get(path);
        assert_eq!((reply.status, reply.header("location")), (301, Some(location)), "{path}");
    }
}

#[test]
fn a_redirect_never_leads_to_another_host() {
    let server = SITE.get();
    for path in [
        "//sub",
        "//evil.example/..",
        "/%2fevil.example",
        "/\\evil.example",
        "//evil.example/%2e%2e",
        "/%5cevil.example",
    ] {
        let reply = server.raw(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        if let Some(location) = reply.header("location") {
            assert!(!location.starts_with("//") && !location.starts_with("/\\"), "{path}: {location}");
        }
    }
}

#[test]
fn a_folder_is_listed_only_where_asked_for() {
    let server = SITE.get();
    server.get("/empty/").expect_error(403);
    server.get("/css2017/").expect_error(403);
    let reply = server.get("/list/empty/");
    assert_eq!(reply.status, 200);
    let reply = server.get("/list/css/");
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(reply.text().contains("href=\"style.css\"") && reply.text().contains("16 B"), "{}", reply.text());
}

#[test]
fn a_listing_escapes_names_and_hides_what_is_not_served() {
    let server = Server::builder()
        .config("[[static]]\nprefix = \"/\"\ndir = \"site\"\nshow_index = true")
        .file("site/<b>.txt", "")
        .file("site/.env", SECRET)
        .file("site/javascript:x", "")
        .start();
    let page = server.get("/");
    let text = page.text();
    assert!(text.contains("&lt;b&gt;.txt") && text.contains("%3Cb%3E.txt"), "{text}");
    assert!(
        !text.contains("<b>") && !text.contains(".env") && !text.contains("href=\"javascript:"),
        "{text}"
    );
}

#[test]
fn nothing_outside_the_root_is_ever_served() {
    let server = SITE.get();
    let ups = [
        "..",
        "%2e%2e",
        "%2E%2e",
        ".%2e",
        "..%2f..",
        "%2e%2e%2f",
        "..%5c..",
        "..\\..",
        "%c0%ae%c0%ae",
        "..%00",
        ".%00.",
        "..;",
        "...",
        "up",
        "root",
    ];
    let starts = [
        "/",
        "//",
        "/css/",
        "/css2017/",
        "/list/",
        "/sub/",
        "/empty/",
        "/no/such/",
        "/list/css/",
        "/./",
        "/%2f",
    ];
    let mut paths: Vec<String> = [
        "/link.txt",
        "/absolute.txt",
        "/up/secret.txt",
        "/list/link.txt",
        "/root/etc/passwd",
        "/.env",
        "/.git/config",
        "/empty/.hidden",
        "/%2eenv",
        "/list/.env",
        "/plain.txt%00.html",
        "/plain.txt/../../secret.txt",
        "/plain.txt/",
        "/..%2fsecret.txt",
        "/%2fetc%2fpasswd",
        "//etc/passwd",
        "/-of-another/secret.txt",
        "/list-of-another/secret.txt",
        "/..%2fsite-of-another%2fsecret.txt",
    ]
    .map(str::to_owned)
    .into();
    for start in starts {
        for up in ups {
            for depth in 1..=3 {
                let climb = format!("{up}/").repeat(depth);
                paths.push(format!("{start}{climb}secret.txt"));
                paths.push(format!("{start}{climb}site-of-another/secret.txt"));
                paths.push(format!("{start}{climb}etc/passwd"));
            }
            paths.push(format!("{start}{up}%2fsecret.txt"));
            paths.push(format!("{start}{up}"));
            paths.push(format!("{start}{up}/"));
        }
    }
    for path in paths {
        let reply = server.raw(&format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"));
        let text = String::from_utf8_lossy(&reply.body);
        assert!(!text.contains(SECRET) && !text.contains("root:"), "{path} leaks");
        assert!(!text.contains("secret.txt"), "{path} lists what is outside: {text}");
        assert!(matches!(reply.status, 301 | 400 | 403 | 404) || path.ends_with('/'), "{path}: {reply:?}");
    }
}

#[test]
fn a_link_within_the_root_is_as_the_file() {
    // Links are refused or followed within the root; they never fail otherwise.
    let reply = SITE.get().get("/inner.txt");
    assert!(matches!(reply.status, 200 | 403 | 404), "{reply:?}");
}

#[test]
fn the_demo_lists_its_files_and_serves_its_styles_twice() {
    let server = Server::builder().demo_site().start();
    let listing = server.get("/files/");
    assert!(
        listing.text().contains("haiku.txt") && listing.text().contains("seasons/"),
        "{}",
        listing.text()
    );
    assert_eq!(server.get("/css2017/style.css").body, server.get("/css/style.css").body);
    server.get("/css/").expect_error(403);
    assert_eq!(server.get("/font/space-grotesk-latin-400.woff2").header("content-type"), Some("font/woff2"));
}
