//! What is counted is what the server saw.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use crate::scripted::{OK, Server, Step, answer, load, number};

#[test]
fn requests_connections_and_bytes_are_the_servers() {
    let server = Server::always(OK);
    let (report, fine) = load(&format!("{} -n 1001 -c 7 --threads 2", server.address));
    assert!(fine);
    assert_eq!(number(&report, "/requests"), 1001.0);
    assert_eq!(server.requests(), 1001);
    assert_eq!((number(&report, "/connections"), server.connections()), (7.0, 7));
    assert_eq!(number(&report, "/sent_bytes"), server.seen.received.load(Ordering::SeqCst) as f64);
    assert_eq!(number(&report, "/received_bytes"), server.seen.sent.load(Ordering::SeqCst) as f64);
    assert_eq!(report["statuses"]["200"], 1001);
    assert_eq!(number(&report, "/latency/count"), 1001.0);
    let in_slices: f64 = (0..report["slices"].as_array().unwrap().len())
        .map(|slice| number(&report, &format!("/slices/{slice}/requests")))
        .sum();
    assert_eq!(in_slices, 1001.0);
}

#[test]
fn a_run_for_a_time_waits_for_what_is_under_way() {
    let server = Server::always(OK);
    let (report, _) = load(&format!("{} -t 300ms -c 5", server.address));
    assert_eq!(number(&report, "/requests"), server.requests() as f64);
    assert_eq!(number(&report, "/given_up"), 0.0);
    assert_eq!(number(&report, "/seconds"), 0.3);
    assert_eq!(report["ended"], "time is over");
}

#[test]
fn an_open_loop_sends_at_its_rate_until_its_time_is_over() {
    let server = Server::always(OK);
    let (report, _) = load(&format!("{} -t 1s --rate 250 --threads 2", server.address));
    // Those due at 0, 4, 8 … 996 ms.
    assert_eq!(number(&report, "/requests"), 250.0);
    assert_eq!(server.requests(), 250);
    let rate = number(&report, "/requests_per_second");
    assert!((240.0..=250.0).contains(&rate), "{rate}");
    let (report, _) = load(&format!("{} -n 40 --rate 400", server.address));
    assert_eq!(number(&report, "/requests"), 40.0);
    assert_eq!(server.requests(), 290);
}

#[test]
fn without_keep_alive_each_request_has_a_connection() {
    let server = Server::always(OK);
    let (report, fine) = load(&format!("{} -n 50 -c 3 --no-keep-alive", server.address));
    assert!(fine);
    assert_eq!((number(&report, "/connections"), server.connections()), (50.0, 50));
    assert!(server.kept()[0].fields.contains(&"connection: close".to_owned()));
}

#[test]
fn a_server_may_close_connections_between_requests() {
    for answer_and_close in
        ["HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nx"]
    {
        let server = Server::start(move |request| {
            let last = request.on_connection == 4;
            let text = if last { answer_and_close } else { OK };
            let send = Step::Send(text.as_bytes().to_vec());
            if last { vec![send, Step::Close] } else { vec![send] }
        });
        let (report, fine) = load(&format!("{} -n 50 -c 2", server.address));
        assert!(fine, "{report:#}");
        assert_eq!(server.requests(), 50);
        assert_eq!(number(&report, "/connections"), server.connections() as f64);
        assert!((10..=12).contains(&server.connections()), "{}", server.connections());
    }
}

#[test]
fn a_connection_that_was_closed_while_nobody_used_it_is_no_failure() {
    // Nothing in the answer says so.
    let server = Server::start(|_| vec![Step::Send(OK.as_bytes().to_vec()), Step::Close]);
    let (report, fine) = load(&format!("{} --rate 5 -n 4 -c 1", server.address));
    assert!(fine, "{report:#}");
    assert_eq!((server.requests(), server.connections()), (4, 4));
}

#[test]
fn warming_up_is_not_counted() {
    let server = Server::always(OK);
    for shape in ["-n 100", "--rate 500 -t 200ms", "--rounds 2 --pause 1ms"] {
        let before = server.requests();
        let (report, _) = load(&format!("{} -c 2 --warm-up 200ms {shape}", server.address));
        let warm_ups = number(&report, "/warm_ups");
        assert!(warm_ups >= 2.0, "{shape}");
        assert_eq!(number(&report, "/requests") + warm_ups, (server.requests() - before) as f64, "{shape}");
    }
}

#[test]
fn each_number_is_given_once() {
    let server = Server::always(OK);
    load(&format!("{}/items/{{{{seq}}}} -n 200 -c 9 --threads 3", server.address));
    let lines: BTreeSet<_> = server.kept().into_iter().map(|request| request.line).collect();
    let expected: BTreeSet<_> = (0..200).map(|seq| format!("GET /items/{seq} HTTP/1.1")).collect();
    assert_eq!(lines, expected);
}

#[test]
fn several_urls_take_turns_and_have_figures_of_their_own() {
    let server = Server::start(|request| {
        vec![if request.line.contains("/b") { answer(404, "") } else { answer(200, "a") }]
    });
    let (report, fine) = load(&format!("{0}/a {0}/b -n 100 -c 4", server.address));
    assert!(!fine);
    assert_eq!(report["by_request"][0]["requests"], 50);
    assert_eq!(report["by_request"][1]["failed"], 50);
    assert_eq!(report["statuses"]["404"], 50);
}

#[test]
fn a_form_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let photo = folder.path().join("photo.jpg");
    std::fs::write(&photo, vec![0xAB; 200_000]).unwrap();
    let server = Server::always(OK);
    let (report, fine) =
        load(&format!("{} -n 6 -c 2 -F image_id=2 -F image=@{}", server.address, photo.display()));
    assert!(fine, "{report:#}");
    let request = &server.kept()[5];
    assert_eq!(request.line, "POST / HTTP/1.1");
    let boundary = request.fields.iter().find_map(|field| field.split_once("; boundary=")).unwrap().1;
    let parts = request.body.windows(boundary.len()).filter(|part| *part == boundary.as_bytes()).count();
    assert_eq!(parts, 3);
    assert!(request.body.windows(200_000).any(|part| part.iter().all(|byte| *byte == 0xAB)));
    assert_eq!(number(&report, "/sent_bytes"), server.seen.received.load(Ordering::SeqCst) as f64);
}

#[test]
fn a_file_of_requests_is_a_weighted_mix() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mix.toml");
    let text = "[[request]]\nurl = '/list'\nweight = 3\n\
                [[request]]\nname = 'make'\nurl = '/items'\nbody = '{\"n\":{{seq}}}'\n\
                headers = ['content-type: application/json']\nexpect_status = '201'\n";
    std::fs::write(&file, text).unwrap();
    let server = Server::start(|request| vec![answer(if request.body.is_empty() { 200 } else { 201 }, "")]);
    let (report, fine) = load(&format!("{} --requests-file {} -n 80 -c 3", server.address, file.display()));
    assert!(fine, "{report:#}");
    assert_eq!(
        (report["statuses"]["200"].as_u64(), report["statuses"]["201"].as_u64()),
        (Some(60), Some(20))
    );
    assert_eq!(report["by_request"][1]["name"], "make");
    let made = server.kept().into_iter().find(|request| !request.body.is_empty()).unwrap();
    assert_eq!(made.line, "POST /items HTTP/1.1");
    assert!(made.fields.contains(&"content-type: application/json".to_owned()), "{made:?}");
    assert!(serde_json::from_slice::<serde_json::Value>(&made.body).unwrap()["n"].is_u64());
}
