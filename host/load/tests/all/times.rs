//! Latencies and rounds against a server whose delays are known. Lower bounds are strict,
//! upper ones leave room for a busy machine.

use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use crate::scripted::{OK, Server, Step, failures, load, number};

fn ok_after(milliseconds: u64) -> Vec<Step> {
    vec![Step::Wait(Duration::from_millis(milliseconds)), Step::Send(OK.as_bytes().to_vec())]
}

#[test]
fn percentiles_are_the_delays() {
    // Nine in ten take 20 ms, one takes 250.
    let server = Server::start(|request| ok_after(if request.number % 10 == 9 { 250 } else { 20 }));
    let (report, _) = load(&format!("{} -n 100 -c 10", server.address));
    for (figure, least, most) in [
        ("shortest", 19.9, 150.0),
        ("p50", 19.9, 150.0),
        ("p90", 19.9, 249.0),
        ("p95", 249.0, 1000.0),
        ("longest", 249.0, 1000.0),
        ("mean", 0.9 * 19.9 + 0.1 * 249.0, 300.0),
    ] {
        let found = number(&report, &format!("/latency/{figure}_ms"));
        assert!((least..most).contains(&found), "{figure}: {found}");
    }
}

/// Answers at once, but for one second, in which nothing is answered.
fn stalls() -> Server {
    let stall = Arc::new(Mutex::new(None));
    Server::start(move |_| {
        let now = Instant::now();
        let mut begin = stall.lock().unwrap();
        let begin: Instant = *begin.get_or_insert(now + Duration::from_millis(500));
        let end = begin + Duration::from_secs(1);
        let wait = if now >= begin { end.saturating_duration_since(now) } else { Duration::ZERO };
        vec![Step::Wait(wait), Step::Send(OK.as_bytes().to_vec())]
    })
}

#[test]
fn a_stall_is_in_the_latency_of_all_that_were_due_in_it() {
    // Of two seconds, the server answers nothing in one.
    let open = |connections: u32| load(&format!("{} --rate 200 -t 2s -c {connections}", stalls().address)).0;
    for connections in [1, 300] {
        let report = open(connections);
        assert_eq!(number(&report, "/requests"), 400.0);
        // Those of the middle of the stall waited for the other half of it.
        let p75 = number(&report, "/latency/p75_ms");
        assert!((450.0..900.0).contains(&p75), "{connections} connections: {p75}");
        assert!(number(&report, "/latency/p95_ms") >= 850.0);
        assert!(number(&report, "/latency/longest_ms") >= 980.0);
    }
    // From when they were sent, over one connection, only one was slow.
    let report = open(1);
    assert!(number(&report, "/service/p95_ms") < 450.0, "{report:#}");
    // As it is in a closed loop, which sends nothing meanwhile.
    let (report, _) = load(&format!("{} -t 2s -c 1", stalls().address));
    assert!(number(&report, "/latency/p95_ms") < 450.0);
    assert!(number(&report, "/latency/longest_ms") >= 980.0);
}

#[test]
fn what_cannot_be_sent_in_time_is_counted_and_the_run_ends() {
    // Two hundred are due in a second, of which one connection manages twenty.
    let server = Server::start(|_| ok_after(50));
    let begin = Instant::now();
    let (report, fine) = load(&format!("{} --rate 200 -t 1s -c 1 --timeout 300ms", server.address));
    assert!(!fine);
    assert!(begin.elapsed() >= Duration::from_millis(1250) && begin.elapsed() < Duration::from_secs(20));
    assert_eq!(number(&report, "/requests"), 200.0);
    let unsent = failures(&report, "not-sent");
    assert_eq!(unsent + server.requests(), 200, "{report:#}");
    assert!(unsent > 140, "{unsent}");
    assert_eq!(number(&report, "/latency/count"), 200.0);
    assert!(number(&report, "/latency/p50_ms") >= 299.0);
    // Only answers are a rate, and latencies from sending on.
    assert!(number(&report, "/requests_per_second") <= 20.0);
    assert_eq!(number(&report, "/service/count"), server.requests() as f64);
}

#[test]
fn a_round_sends_all_at_once() {
    // Nobody gets an answer before all have asked.
    let all = Arc::new(Barrier::new(5));
    let server = Server::start(move |_| {
        all.wait();
        vec![Step::Send(OK.as_bytes().to_vec())]
    });
    let (report, fine) = load(&format!("{} --rounds 3 -c 5 --pause 1ms --threads 2", server.address));
    assert!(fine);
    assert_eq!(server.requests(), 15);
    assert_eq!(server.connections(), 5);
    assert_eq!(report["rounds"].as_array().unwrap().len(), 3);
}

#[test]
fn a_rounds_figures_are_its_own() {
    // In the second round, of ten requests one takes 300 ms, one 200, the others 10.
    let server = Server::start(|request| {
        ok_after(match request.number {
            10 => 300,
            11 => 200,
            _ => 10,
        })
    });
    let begin = Instant::now();
    let (report, _) = load(&format!("{} --rounds 3 -c 10 --pause 150ms", server.address));
    assert!(begin.elapsed() >= Duration::from_millis(10 + 150 + 300 + 150 + 10));
    let figure = |round: usize, name: &str| number(&report, &format!("/rounds/{round}/{name}"));
    for round in 0..3 {
        assert!(figure(round, "longest_ms") <= figure(round, "seconds") * 1000.0);
    }
    for round in [0, 2] {
        assert!((9.9..190.0).contains(&figure(round, "longest_ms")), "{report:#}");
        assert!((0.0099..0.19).contains(&figure(round, "seconds")));
    }
    assert!((299.0..900.0).contains(&figure(1, "longest_ms")));
    assert!((199.0..299.0).contains(&figure(1, "top90_ms")));
    assert!((9.9..190.0).contains(&figure(1, "shortest_ms")));
    assert!((57.0..250.0).contains(&figure(1, "mean_ms")));
    assert!((0.299..0.9).contains(&figure(1, "seconds")));
    assert_eq!(figure(1, "concurrency"), 10.0);
    let rate = 10.0 / figure(1, "seconds");
    assert!((figure(1, "requests_per_second") - rate).abs() < 0.01);
    let megabytes = (number(&report, "/sent_bytes") + number(&report, "/received_bytes")) / 3.0 / 1e6;
    assert!((figure(1, "megabytes") - megabytes).abs() < 1e-9);
}
