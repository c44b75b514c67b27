//! `patchboard test`, as who writes handlers runs it: over the demo's `.http` files, and in
//! folders of its own, where tests fail in every way that they can.

use std::fs;
use std::path::PathBuf;

use patchboard_tests::{Exited, Shell, demo_handler, test_guest};

/// A folder with a configuration, components and files of tests.
struct Folder {
    shell: Shell,
}

impl Folder {
    fn new(configuration: &str, components: &[PathBuf]) -> Self {
        let configuration = format!("[server]\nhandlers = \"handlers\"\ndata = \"kept\"\n{configuration}");
        let shell = Shell::new().file("patchboard.toml", configuration);
        fs::create_dir(shell.dir().join("handlers")).unwrap();
        for component in components {
            fs::copy(component, shell.dir().join("handlers").join(component.file_name().unwrap())).unwrap();
        }
        Self { shell }
    }

    fn ill() -> Self {
        Self::new("", &[test_guest("ill")])
    }

    fn test(&self, tests: &str, arguments: &str) -> Exited {
        fs::write(self.shell.dir().join("a.http"), tests).unwrap();
        self.shell.run(&format!("patchboard test --config patchboard.toml {arguments}"))
    }

    /// The failures of tests that fail, line by line; without what is logged.
    #[track_caller]
    fn failures(&self, tests: &str) -> Vec<String> {
        let exited = self.test(tests, "");
        assert_eq!((exited.code, &*exited.log), (Some(1), ""), "{}", exited.output);
        let lines =
            exited.output.lines().filter(|line| line.starts_with("      ") && !line.contains(" log: "));
        lines.map(|line| line.trim().to_owned()).collect()
    }

    #[track_caller]
    fn passes(&self, tests: &str) -> String {
        let exited = self.test(tests, "");
        assert_eq!((exited.code, &*exited.log), (Some(0), ""), "{}", exited.output);
        exited.output
    }
}

#[test]
fn the_demo_passes_its_own_tests_which_ask_all_routes() {
    let shell = Shell::new();
    let exited = shell.run("patchboard test");
    assert_eq!((exited.code, &*exited.log), (Some(0), ""), "{}", exited.output);
    for said in [
        "guestbook.http: an entry is added, edited and deleted (7 requests, ",
        " 0 failed, in ",
        "\n13 routes, all asked",
    ] {
        assert!(exited.output.contains(said), "no {said:?} in {}", exited.output);
    }
    assert!(!shell.dir().join("data").exists(), "what a server keeps is touched by no test");
}

/// A handler that asks another server, whose address is a secret.
fn asking(component: PathBuf) -> Folder {
    let name = component.file_stem().unwrap().to_str().unwrap().to_owned();
    let configuration = format!(
        "[handlers.{name}]\nroutes = [{{ route = \"POST /demo2\", name = \"demo2\" }}]\n\
         outbound = \"https://api.example.com\"\nenvironment = {{ ORIGIN = {{ secret = \"origin\" }} }}\n"
    );
    Folder::new(&configuration, &[component])
}

const SECRET: &str = "# @secret origin = https://api.example.com\n";

#[test]
fn what_is_asked_of_others_is_answered_by_the_file() {
    // By the contract of its own, and by `wasi:http`.
    for component in [demo_handler("demo2"), test_guest("demo2-wasi-http")] {
        answered(&asking(component));
    }
}

fn answered(folder: &Folder) {
    let output = folder.passes(&format!(
        "{SECRET}\
         # @answer POST https://api.example.com/* 503\n\
         ### it is welcome\n\
         # @answer POST https://api.example.com/demo1/demo2 200\n\
         # @answer-field X-Name: {{{{name}}}}\n\
         # @answer-body done\n\
         # @asked body = key=welcome\n\
         # @asked field content-type = application/x-www-form-urlencoded\n\
         # @asked field host = api.example.com\n\
         # @expect body = welcome\n\
         @name = ada\n\
         POST /demo2\n\
         ### another server's failure is told\n\
         # @answer POST https://API.example.com:443/* 500\n\
         # @expect status 502\n\
         POST /demo2\n\
         ### and that there is none\n\
         # @answer POST https://api.example.com/demo1/demo2 closed\n\
         # @expect status 502\n\
         POST /demo2\n\
         ### answers come in their order, and the last one again\n\
         # @answer POST https://api.example.com/* 500\n\
         # @answer POST https://api.example.com/* 200\n\
         # @expect status 502\n\
         POST /demo2\n\
         ###\n\
         # @expect status 200\n\
         POST /demo2\n\
         ###\n\
         # @expect status 200\n\
         POST /demo2\n"
    ));
    assert!(output.contains("\n4 tests: 4 passed, 0 failed, "), "{output}");
}

#[test]
fn an_outbound_request_without_an_answer_fails_the_test() {
    let folder = asking(demo_handler("demo2"));
    let url = "https://api.example.com/demo1/demo2";
    let unanswered = format!(
        "the outbound request POST {url} has no answer; write `# @answer POST {url} 200` before the request's line"
    );
    // Whatever the handler makes of it.
    let tests = format!("{SECRET}### a\n# @expect status 502\nPOST /demo2\n");
    assert_eq!(folder.failures(&tests), [format!("a.http:4: {unanswered}")]);
    let tests = format!("{SECRET}### a\n# @answer GET {url} 200\n# @expect status 502\nPOST /demo2\n");
    assert_eq!(folder.failures(&tests), [format!("a.http:5: {unanswered}")]);
    // One that was meant to be asked for, and was not.
    let tests = format!("### a\n# @answer GET {url} 200\n# @expect status 404\nGET /none\n");
    assert_eq!(folder.failures(&tests), [format!("a.http:2: no handler has asked for GET {url}")]);
    let tests =
        format!("{SECRET}### a\n# @answer POST {url} 200\n# @asked body contains farewell\nPOST /demo2\n");
    assert_eq!(
        folder.failures(&tests),
        [
            format!("a.http:4: asked of {url}: body contains farewell"),
            "expected: something with farewell".to_owned(),
            "got:      key=welcome".to_owned()
        ]
    );
    // A secret of which the file says nothing is none of a server's.
    let exited = folder.test("### a\n# @expect status 502\nPOST /demo2\n", "");
    assert_eq!(exited.code, Some(0), "{}{}", exited.output, exited.log);
}

#[test]
fn what_fails_is_told_with_place_expectation_and_what_there_is() {
    let folder = Folder::ill();
    for (test, expected) in [
        ("# @expect body = OK\nGET /ok", &["a.http:2: body = OK", "expected: OK", "got:      ok"][..]),
        (
            "# @expect status 404\nGET /ok",
            &["a.http:2: status 404", "expected: 404", "got:      200, with the body: ok"],
        ),
        (
            "GET /none",
            &["a.http:2: no `# @expect status`, so it should be no error", "expected: a status below 400"],
        ),
        (
            "# @timeout 200ms\nGET /never",
            &["a.http:3: there is no answer within 200ms; `# @timeout` gives it longer"],
        ),
        (
            "# @timeout 300ms\nGET /stall",
            &[
                "a.http:3: the answer has no end, or not what `# @until` waits for, within 300ms; `# @timeout` gives it longer",
            ],
        ),
        ("# @until no such text\nGET /ok", &["a.http:3: the answer 200 OK has ended without `no such text`"]),
        (
            "# @take id = json $.id\nGET /ok",
            &["a.http:2: id is not to be had: it is no JSON (expected value"],
        ),
        ("POST /echo\n\n< none.txt", &["a.http:2: cannot read none.txt: No such file or directory"]),
    ] {
        let failures = folder.failures(&format!("### a\n{test}\n"));
        for (failure, expected) in failures.iter().zip(expected) {
            assert!(failure.starts_with(expected), "{test}: {failures:?}");
        }
        assert!(failures.len() >= expected.len(), "{test}: {failures:?}");
    }
}

#[test]
fn a_panic_is_told_and_costs_its_own_test_only() {
    let folder = Folder::ill();
    let exited = folder.test(
        "### it panics\nGET /trap\n### it does not\n# @until xxxx\nGET /endless\n",
        "--junit report.xml",
    );
    assert_eq!(exited.code, Some(1), "{}", exited.log);
    for said in [
        "\nok    a.http: it does not (1 request, ",
        "this panic is asked for",
        "got:      500, with the body: ",
    ] {
        assert!(exited.output.contains(said), "no {said:?} in {}", exited.output);
    }
    let report = fs::read_to_string(folder.shell.dir().join("report.xml")).unwrap();
    for said in [
        "<testsuite name=\"a.http\" tests=\"2\" failures=\"1\" ",
        "<testcase name=\"it panics\" classname=\"a.http\" file=\"a.http\" line=\"1\" ",
        "<failure message=\"no `# @expect status`, so it should be no error\">",
        "this panic is asked for",
    ] {
        assert!(report.contains(said), "no {said:?} in {report}");
    }
}

#[test]
fn what_comes_after_a_failure_of_a_test_is_not_asked() {
    let exited = Folder::ill().test("### a\n# @expect status 500\nGET /ok\n###\nGET /trap\n", "");
    assert!(exited.output.contains("FAIL  a.http: a (1 request, "), "{}", exited.output);
    assert!(!exited.output.contains("panic"), "{}", exited.output);
}

const OWN: &str = r#"
# @secret key = {{word}}
@word = sesame

### they are those of the file
# @environment PATH = there
# @expect body = "A=there\n"
GET /env

###
# @expect body contains one=sesame
# @expect body contains two=fake HOME
GET /config

### another test has others
# @secret key = other
# @expect body contains one=other
GET /config

### what is written is there
# @expect body = written
POST /file/files/a

text

###
# @expect body = written
GET /file/files/a

### but in another test, and in the folder itself, it is not
# @expect body lacks written
GET /file/files/a
"#;

#[test]
fn values_secrets_variables_and_folders_are_the_tests_own() {
    let configuration = "[handlers.ill]\nisolation = \"reuse\"\n\
                         config = { one = { secret = \"key\" }, two = { variable = \"HOME\" } }\n\
                         environment = { A = { variable = \"PATH\" } }\nwritable_folders = { \"/files\" = \"real\" }\n";
    let folder = Folder::new(configuration, &[test_guest("ill")]);
    fs::create_dir(folder.shell.dir().join("real")).unwrap();
    folder.passes(OWN);
    assert_eq!(fs::read_dir(folder.shell.dir().join("real")).unwrap().count(), 0);
    assert!(!folder.shell.dir().join("kept").exists());
}

#[test]
fn snapshots_are_written_and_then_held_to() {
    let folder = Folder::ill();
    let tests = "### it is as it was\n# @expect snapshot\nGET /ok\n";
    let missing = folder.failures(tests);
    assert!(
        missing[0].starts_with("a.http:2: there is no snapshot snapshots/a.it-is-as-it-was.txt yet; "),
        "{missing:?}"
    );
    let updated = folder.test(tests, "--update");
    assert_eq!(updated.code, Some(0), "{}", updated.output);
    assert!(updated.output.contains("\n      wrote snapshots/a.it-is-as-it-was.txt\n"), "{}", updated.output);
    let file = folder.shell.dir().join("snapshots/a.it-is-as-it-was.txt");
    let kept = fs::read_to_string(&file).unwrap();
    assert_eq!(kept, "HTTP/1.1 200 OK\ncontent-type: text/plain; charset=utf-8\n\nok");
    assert!(!folder.passes(tests).contains("wrote"));
    fs::write(&file, kept.replace("\n\nok", "\n\nno")).unwrap();
    let other = folder.failures(tests);
    assert!(other[0].contains("is another; where this one is right, run this with --update"), "{other:?}");
    assert_eq!(other[1..], ["expected: line 4: no", "got:      line 4: ok"]);
}

#[test]
fn tests_are_selected_by_name_and_by_file() {
    let folder = Folder::ill();
    let tests = "### first\nGET /ok\n### second\nGET /ok\n";
    fs::create_dir(folder.shell.dir().join("more")).unwrap();
    fs::write(folder.shell.dir().join("more/b.http"), "### third\nGET /ok\n").unwrap();
    for (filter, count) in [("", 3), ("first", 1), ("more/", 1), ("a.http third", 3), ("ir", 2)] {
        let exited = folder.test(tests, filter);
        let (one, s) = (format!("\n{count} test"), if count == 1 { ":" } else { "s:" });
        assert!(exited.output.contains(&format!("{one}{s} {count} passed")), "{filter}: {}", exited.output);
        // Of some tests, nothing can be said of all routes.
        assert_eq!(exited.output.contains(" routes, of which no test asks "), filter.is_empty(), "{filter}");
    }
    let none = folder.test(tests, "fourth");
    assert_eq!((none.code, &*none.output), (Some(2), ""));
    assert_eq!(
        none.log,
        "error: no test is called, or in a file called, fourth; there are 3 tests in 2 files"
    );
}

#[test]
fn what_keeps_tests_from_being_played_is_said_at_once() {
    let folder = Folder::ill();
    let wrong = folder.test("### a\n# @expect status ok\nGET ok\n", "");
    assert_eq!((wrong.code, &*wrong.output), (Some(2), ""));
    assert_eq!(
        wrong.log,
        "error: a.http:2: `ok` is no status; write one such as 201, or 2xx\n\
         error: a.http:3: `ok` is no path and no URL; write a request's line such as `GET /items`"
    );
    let long = folder.test(&"# long\n".repeat(200_000), "");
    assert!(long.log.contains("a.http: cannot be read: "), "{}", long.log);
    fs::remove_file(folder.shell.dir().join("a.http")).unwrap();
    let none = folder.shell.run("patchboard test --config patchboard.toml");
    assert_eq!(none.code, Some(2));
    assert!(none.log.starts_with("error: there is no .http file in .; write one"), "{}", none.log);
    fs::write(folder.shell.dir().join("handlers/broken.wasm"), "").unwrap();
    let broken = folder.test("### a\nGET /ok\n", "");
    assert_eq!((broken.code, &*broken.output), (Some(2), ""));
    assert!(broken.log.contains("handler broken: is not a WebAssembly component"), "{}", broken.log);
}

#[test]
fn what_goes_on_after_a_response_is_waited_for() {
    let configuration = "[sql.notes]\n[handlers.leaving]\nsql = \"notes\"\noutbound = \"http://self\"\n";
    let folder = Folder::new(configuration, &[test_guest("leaving")]);
    folder.passes(
        "### a\nGET /after/ends\n###\n# @expect body contains ended=1\nGET /counts\n\
         ### another test has instances of its own\n# @expect body contains ended=0\nGET /counts\n",
    );
    assert_eq!(
        folder.failures("### a\n# @timeout 300ms\nGET /after/waits\n"),
        [
            "a.http:3: what the handler does after its response has no end within 300ms; `# @timeout` gives it longer"
        ]
    );
}
