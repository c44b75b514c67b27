//! The guestbook, as its visitors use it: in a browser, and by hand.

use patchboard_tests::{Browser, Reply, Scripts, Server};

fn guestbook() -> Server {
    Server::builder().demo_site().start()
}

fn post(server: &Server, path: &str, headers: &str, form: &str) -> Reply {
    let mut connection = server.connect();
    connection.send(format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n{headers}\r\n{form}",
        server.address(),
        form.len()
    ));
    connection.reply()
}

fn sign(browser: &Browser, author: &str, message: &str) {
    browser.fill("#author", author);
    browser.fill("#message", message);
    browser.follow("form.card button");
}

#[test]
fn a_visitor_without_scripts_signs_pages_edits_and_deletes() {
    let server = guestbook();
    let browser = Browser::start(900, 1200, Scripts::Off);
    let list = server.url("/guestbook");
    browser.open(&list);
    assert_eq!(browser.texts("h1"), ["Guestbook"]);
    assert!(browser.texts("main").concat().contains("Nobody has signed yet"));
    assert_eq!(browser.texts("#visits"), ["1"]);
    for number in 1..=12 {
        sign(&browser, &format!("Visitor {number}"), &format!("Message {number}"));
        assert_eq!(browser.url(), list);
    }
    browser.screenshot("guestbook-list");
    let messages = browser.texts(".message");
    assert_eq!((messages.len(), &*messages[0], &*messages[9]), (10, "Message 12", "Message 3"));

    browser.follow("a[rel=next]");
    assert_eq!(browser.texts(".message"), ["Message 2", "Message 1"]);
    browser.screenshot("guestbook-last-page");
    browser.follow("a[rel=prev]");
    assert_eq!(browser.texts(".message").len(), 10);

    browser.follow("#entry-12 a");
    browser.fill("#message", "<script>document.title = 'broken'</script> & \"quotes\"");
    browser.screenshot("guestbook-edit");
    browser.follow("form.card button");
    assert_eq!(
        browser.texts("#entry-12 .message"),
        ["<script>document.title = 'broken'</script> & \"quotes\""]
    );

    browser.follow("#entry-11 button");
    assert_eq!(browser.texts("#entry-11"), [""; 0]);
    assert!(browser.texts("header").concat().contains("11 entries"));
    server.log.wait_for_all(&["entry 11 deleted", "handler=guestbook", "request_id="]);
}

#[test]
fn what_visitors_write_runs_in_nobodys_browser() {
    let server = guestbook();
    let browser = Browser::start(500, 900, Scripts::Run);
    browser.open(&server.url("/guestbook"));
    sign(
        &browser,
        "<img src=x onerror=\"document.body.remove()\">",
        "</p><script>document.body.remove()</script>",
    );
    assert_eq!(browser.texts("h1"), ["Guestbook"]);
    assert_eq!(browser.texts(".message"), ["</p><script>document.body.remove()</script>"]);
    browser.screenshot("guestbook-narrow");
}

#[test]
fn forms_of_other_sites_are_refused() {
    let server = guestbook();
    let form = "author=Mallory&message=hello";
    for headers in ["Origin: http://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        for path in ["/guestbook", "/guestbook/1", "/guestbook/1/delete"] {
            assert_eq!(post(&server, path, headers, form).status, 403, "{path} {headers}");
        }
    }
    let own = format!("Origin: http://{}\r\n", server.address());
    assert_eq!(post(&server, "/guestbook", &own, form).status, 303);
}

#[test]
fn forms_that_are_wrong_are_shown_again() {
    let server = guestbook();
    let reply = post(&server, "/guestbook", "", "author=&message=a+long+story");
    assert_eq!(reply.status, 422);
    assert!(reply.text().contains("role=\"alert\"") && reply.text().contains("a long story"));
    let long = format!("author=x&message={}", "y".repeat(2001));
    assert_eq!(post(&server, "/guestbook", "", &long).status, 422);
    assert_eq!(post(&server, "/guestbook/7", "", "author=x&message=y").status, 404);
    assert_eq!(post(&server, "/guestbook/7/delete", "", "").status, 404);
    assert_eq!(server.get("/guestbook/7").status, 404);
    assert_eq!(server.get("/guestbook/x").status, 404);
    // A page that is not there is the last.
    assert_eq!(server.get("/guestbook?page=99").status, 200);
}
