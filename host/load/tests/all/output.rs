//! What the command prints and writes, as a program of its own: `examples/load.rs`, which
//! cargo builds with the tests.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::scripted::{OK, Server, Step, answer};

fn program() -> Command {
    let tests = std::env::current_exe().unwrap();
    let program: PathBuf = tests.ancestors().nth(2).unwrap().join("examples/load");
    assert!(is_fresh(&program), "{} is old; `cargo test -p patchboard-load` builds it", program.display());
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// `cargo test --test all` builds no examples, and would test an old one.
fn is_fresh(program: &Path) -> bool {
    let Ok(built) = program.metadata().and_then(|metadata| metadata.modified()) else { return false };
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.modified().unwrap() > built {
                return false;
            }
        }
    }
    true
}

fn run(line: &str) -> (String, String, Option<i32>) {
    texts(program().args(line.split_whitespace()).output().unwrap())
}

fn texts(output: Output) -> (String, String, Option<i32>) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

#[test]
fn a_summary_in_plain_lines() {
    let server = Server::start(|request| vec![answer(if request.number % 4 == 0 { 503 } else { 200 }, "x")]);
    let (out, err, code) = run(&format!("{} -n 100 -c 4", server.address));
    contains(
        &out,
        &[
            "4 at once, ",
            "requests         100",
            "failed            25",
            "25.0 %",
            "99.9 %",
            "status 503  25  25.0 %",
            "unexpected status: 25, for example:\n  status 503;",
        ],
    );
    assert!(!out.contains('\u{1b}') && err.is_empty(), "{out}{err}");
    assert_eq!(code, Some(1));
}

#[test]
fn rounds_are_a_table_and_can_be_listed() {
    let server = Server::always(OK);
    let (out, _, code) = run(&format!("{} --rounds 3 -c 4 --pause 1ms --list", server.address));
    let lines: Vec<_> = out.lines().collect();
    contains(
        lines[0],
        &["concurrency", "longest ms", "shortest ms", "top 90 % ms", "mean ms", "requests/s", "MB/s"],
    );
    for round in 0..3 {
        assert_eq!(lines[1 + 2 * round].split_whitespace().next(), Some((round + 1).to_string().as_str()));
        let list: Vec<f64> = lines[2 + 2 * round]
            .trim()
            .strip_prefix("ms: ")
            .unwrap()
            .split(' ')
            .map(|text| text.parse().unwrap())
            .collect();
        assert!(list.len() == 4 && list.is_sorted(), "{list:?}");
    }
    assert_eq!(code, Some(0));
}

#[test]
fn mistakes_are_all_said_and_nothing_is_sent() {
    let (out, err, code) = run("8.8.8.8 ftp://x --http2");
    assert!(out.is_empty());
    contains(&err, &["error: ftp://x: there is no `ftp` here; use http or https"]);
    assert_eq!(code, Some(2));
}

#[test]
fn a_body_may_come_from_standard_input() {
    let server = Server::always(OK);
    let mut child = program()
        .args([&server.address.to_string(), "-n3", "--data-file", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"as it is: {{seq}}").unwrap();
    assert!(child.wait().unwrap().success());
    let bodies: Vec<_> = server.kept().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, vec![b"as it is: {{seq}}".to_vec(); 3]);
}

fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn an_interrupted_run_says_what_was_measured_so_far() {
    // The answers stop; what is under way then is not waited for.
    let server = Server::start(|request| {
        let stall = if request.number >= 50 { Duration::from_secs(60) } else { Duration::ZERO };
        vec![Step::Wait(stall), Step::Send(OK.as_bytes().to_vec())]
    });
    for (shape, stalled) in [("-c 10", 60), ("--rate 200 -c 5", 65)] {
        let line = format!("{} -t 1h {shape}", server.address);
        let child = program().args(line.split_whitespace()).spawn().unwrap();
        wait_until("requests", || server.requests() == stalled);
        let begin = Instant::now();
        interrupt(&child);
        let (out, _, _) = texts(child.wait_with_output().unwrap());
        // As many as are stalled, not those that waited to be due.
        let under_way = if shape == "-c 10" { 10 } else { 5 };
        let given_up = format!("note: {under_way} requests were under way at the end");
        contains(&out, &["note: the run was interrupted", &given_up]);
        assert!(begin.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_page_needs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("run.html");
    let server = Server::always(OK);
    let (_, err, code) = run(&format!("{}/?a=<b>&c -t 500ms --html {}", server.address, page.display()));
    assert_eq!(code, Some(0), "{err}");
    let html = std::fs::read_to_string(page).unwrap();
    contains(
        &html,
        &["<title>Load on http://", "?a=&lt;b&gt;&amp;c", "Latency over time", "latency, ms", "Throughput"],
    );
    assert_eq!(html.matches("<svg ").count(), 3);
    assert!(!html.contains("<b>&c") && !html.contains("src=") && !html.contains("href="), "{html}");
    for tag in ["main", "figure", "table", "svg", "section", "div", "tr", "td"] {
        let (opened, closed) = (
            html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count(),
            html.matches(&format!("</{tag}>")).count(),
        );
        assert_eq!(opened, closed, "{tag}");
    }
}

fn after(milliseconds: u64) -> Server {
    Server::start(move |_| {
        vec![Step::Wait(Duration::from_millis(milliseconds)), Step::Send(OK.as_bytes().to_vec())]
    })
}

#[test]
fn runs_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    for (name, milliseconds) in [("a", 5), ("b", 15)] {
        let (_, err, code) =
            run(&format!("{} -t 3s -c 2 --json {}", after(milliseconds).address, file(name)));
        assert_eq!(code, Some(0), "{err}");
    }
    let (out, _, code) = run(&format!("compare {} {}", file("a"), file("b")));
    contains(&out, &["requests/s", "95 % interval", "fewer\n", "slower\n", "two runs at two times"]);
    assert_eq!(code, Some(0));
    let (out, _, _) = run(&format!("compare {0} {0}", file("a")));
    assert_eq!(out.matches("the same, or noise").count(), 4, "{out}");
    let (_, err, code) = run(&format!("compare {} /no/such.json", file("a")));
    contains(&err, &["error: could not read /no/such.json; check the path"]);
    assert_eq!(code, Some(2));
}

#[test]
fn two_urls_are_compared_in_turns() {
    let (fast, slow) = (after(5), after(15));
    let (out, err, code) = run(&format!("{} --vs {} -t 3s --step 200ms -c 2", fast.address, slow.address));
    contains(&out, &["8 times each in turns", "fewer\n", "slower\n"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(fast.requests() > 0 && slow.requests() > 0);
}

#[test]
fn the_highest_rate_is_found() {
    // Over one connection, 20 ms each: fifty a second, and less with a short wait.
    let server = after(20);
    let (out, _, code) = run(&format!("{} --max-p99 200ms --step 1s -c 1 --rate 10", server.address));
    assert_eq!(code, Some(0), "{out}");
    contains(&out, &["holds\n", "is the highest rate at which 99 % take at most 200ms"]);
    assert!(out.contains("too slow\n") || out.contains("falls behind\n"), "{out}");
    let line = out.lines().find(|line| line.contains("is the highest rate")).unwrap();
    let rate: f64 = line.split(' ').next().unwrap().parse().unwrap();
    assert!((10.0..=50.0).contains(&rate), "{rate}");
    let (out, _, code) = run(&format!("{} --max-p99 1ms --step 200ms -c 1", server.address));
    contains(&out, &["no rate was found at which 99 % take at most 1ms"]);
    assert_eq!(code, Some(1));
}
