//! Outbound HTTP as it is on the wire: connections that are kept, TLS, HTTP/2, and
//! calls of this very server.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use patchboard_tests::{Answer, Server, ServerBuilder, Upstream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

fn demo2(origin: &str) -> ServerBuilder {
    Server::builder().server("cores = 1").demo("demo1").demo("demo2").config(&format!(
        "[handlers.demo2]\noutbound = [\"{origin}\"]\nenvironment = {{ ORIGIN = \"{origin}\" }}"
    ))
}

#[test]
fn a_thousand_calls_of_one_origin_use_one_connection() {
    let upstream = Upstream::start(Answer { status: "200 OK", body: "{}", delay: Duration::ZERO });
    let server = demo2(&upstream.origin()).start();
    for _ in 0..1000 {
        server.post_form("/demo2", "").expect(200, "welcome");
    }
    assert_eq!((upstream.asked().len(), upstream.connections()), (1000, 1));
}

#[test]
fn connections_are_kept_for_as_many_as_were_under_way() {
    const CLIENTS: usize = 100;
    let upstream = Upstream::start(Answer { status: "200 OK", body: "{}", delay: Duration::ZERO });
    let server = demo2(&upstream.origin()).start();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || {
                let mut connection = server.connect();
                for _ in 0..30 {
                    connection.send(
                        "POST /demo2 HTTP/1.1\r\nHost: test\r\n\
                         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n",
                    );
                    connection.reply().expect(200, "welcome");
                }
            });
        }
    });
    // Some are made in vain, while another becomes free.
    assert_eq!(upstream.asked().len(), 30 * CLIENTS);
    assert!(upstream.connections() <= 2 * CLIENTS, "{}", upstream.connections());
}

#[test]
fn a_call_of_this_server_needs_no_connection_to_it() {
    // Where there is but one, and the caller has it; however it spells the name.
    for name in ["http://self", "http://SELF", "http://Self.:80"] {
        let server = demo2(name).server("connections = 1\naccess_log_of = \"all\"").start();
        for _ in 0..10 {
            server.post_form("/demo2", "").expect(200, "welcome");
        }
        server.access_log.wait_for_count("target=\"/demo1/demo2\"", 10);
    }
}

#[test]
fn a_call_of_this_server_keeps_to_its_limits() {
    let server = demo2("http://self").config("[handlers.demo1.limits]\nrequest_body_bytes = 3").start();
    assert_eq!(server.post_form("/demo2", "").status, 502);
    server.access_log.wait_for_all(&["target=\"/demo1/demo2\"", "status=413"]);
}

#[test]
fn what_is_not_granted_is_said_within_the_limit_of_the_log() {
    for (limit, is_said) in [("64KiB", true), ("0", false)] {
        let config =
            format!("[handlers.raw]\nroutes = [\"/raw/{{case}}\"]\nlimits = {{ log_bytes = \"{limit}\" }}");
        let server = Server::builder().guest("raw").config(&config).start();
        server.get("/raw/pass?url=http://other.example.com/").expect(502, "raw");
        let exited = server.stop();
        assert_eq!(exited.log.contains("other.example.com is not granted"), is_said, "{}", exited.log);
    }
}

/// A TLS server that remembers the version of each request, and its certificate.
struct Tls {
    origin: String,
    certificate: String,
    versions: Arc<Mutex<Vec<Version>>>,
    _runtime: tokio::runtime::Runtime,
}

fn tls(protocols: &[&str]) -> Tls {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let versions = Arc::<Mutex<Vec<Version>>>::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let seen = versions.clone();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, seen) = (acceptor.clone(), seen.clone());
            tokio::spawn(async move {
                // A client that does not trust this server goes away.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(move |request: Request<Incoming>| {
                    seen.lock().unwrap().push(request.version());
                    async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"{}")))) }
                });
                let is_http_2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let stream = TokioIo::new(stream);
                // However it ends: what was asked is what counts.
                if is_http_2 {
                    let server = http2::Builder::new(TokioExecutor::new());
                    server.serve_connection(stream, service).await.ok();
                } else {
                    http1::Builder::new().serve_connection(stream, service).await.ok();
                }
            });
        }
    });
    Tls { origin, certificate: made.cert.pem(), versions, _runtime: runtime }
}

#[test]
fn http_2_is_spoken_where_the_server_chooses_it() {
    for (protocols, expected) in
        [(&["h2", "http/1.1"][..], Version::HTTP_2), (&["http/1.1"], Version::HTTP_11)]
    {
        let upstream = tls(protocols);
        let builder = demo2(&upstream.origin).file("ca.pem", &upstream.certificate);
        let roots = builder.dir().join("ca.pem").display().to_string();
        let server = builder.variable("SSL_CERT_FILE", &roots).start();
        for _ in 0..3 {
            server.post_form("/demo2", "").expect(200, "welcome");
        }
        assert_eq!(*upstream.versions.lock().unwrap(), [expected; 3]);
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let upstream = tls(&["h2"]);
    let server = demo2(&upstream.origin).start();
    server.post_form("/demo2", "").expect(502, "upstream request failed\n");
    server.log.wait_for_all(&[&upstream.origin["https://".len()..], "certificate"]);
    assert_eq!(*upstream.versions.lock().unwrap(), []);
}

/// A server that answers every request on a connection of its own with these bytes, and then
/// closes it unless it is to `hold` it.
fn answering(bytes: &'static [u8], hold: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // All of it, or nothing if it is gone again.
            let _length = stream.read(&mut [0; 4096]).unwrap_or_default();
            stream.write_all(bytes).ok();
            if hold {
                held.push(stream);
            }
        }
    });
    format!("http://{address}")
}

/// An origin that closes each connection where a second request comes on it.
fn leaving_after_one() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                if stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").ok();
                    let _second = stream.read(&mut [0; 4096]);
                }
            });
        }
    });
    format!("http://{address}")
}

#[test]
fn who_has_just_closed_a_connection_is_asked_again() {
    let origin = leaving_after_one();
    let server = Server::builder()
        .guest("leaving")
        .config(&format!("[sql.notes]\n[handlers.leaving]\nsql = \"notes\"\noutbound = [\"{origin}\"]"))
        .start();
    for number in 0..20 {
        let text = server.get(&format!("/fetch?url={origin}/")).text().to_owned();
        assert_eq!(text, "200 ok", "request {number}");
    }
}

#[test]
fn what_fails_is_told_apart() {
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refusing = format!("http://{refusing}");
    let tls = tls(&[]);
    let plain = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false);
    let tls_on_plain = plain.replace("http://", "https://");
    let cases = [
        (plain.clone(), "200 ok"),
        (refusing, "Refused"),
        ("http://no-such-name.invalid".to_owned(), "Dns"),
        ("http://192.0.2.1".to_owned(), "NotGranted"),
        (tls.origin.clone(), "Tls"),
        (tls_on_plain, "Tls"),
        (answering(b"no HTTP at all\r\n\r\n", false), "Malformed"),
        (answering(b"", false), "Disconnected"),
        (answering(b"", true), "TimedOut"),
        (answering(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\npart", false), "200 part failed: the other side closed the connection"),
        (answering(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\npart", true), "200 part failed: the body took too long"),
        (answering(b"HTTP/1.1 204 No Content\r\n\r\n", false), "204"),
        (
            answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r\nab\r\n0\r\nx-sum: 7\r\n\r\n", false),
            "200 ab {\"x-sum\": \"7\"}",
        ),
    ];
    let granted: Vec<_> = cases
        .iter()
        .map(|(origin, _)| format!("{origin:?}"))
        .filter(|origin| !origin.contains("192.0.2"))
        .collect();
    let server = Server::builder()
        .guest("leaving")
        .config(&format!(
            "[sql.notes]\n[handlers.leaving]\nsql = \"notes\"\noutbound = [{}]",
            granted.join(", ")
        ))
        .start();
    for (origin, expected) in &cases {
        let text = server.get(&format!("/fetch?url={origin}/")).text().to_owned();
        assert_eq!(&text, expected, "{origin}");
    }
    let with_user = plain.replace("http://", "http://user:password@");
    assert_eq!(server.get(&format!("/fetch?url={with_user}/")).text(), "Request");
    let text = server.get("/fetch?url=/relative").text().to_owned();
    assert_eq!(text, "Request");
}
