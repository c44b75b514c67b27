//! TLS: who this server says it is, who it lets in, and what is spoken.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;

use patchboard_tests::{Authority, Server, ServerBuilder, wait_until};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const LISTENER: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = true";

/// A certificate `NAME`, of files of that name.
fn certificate(name: &str) -> String {
    format!("[[certificate]]\nchain = \"{name}.pem\"\nkey = \"{name}.key\"")
}

/// With one for `localhost`.
fn builder(authority: &Authority) -> ServerBuilder {
    let builder = Server::builder().guest("asking").config(LISTENER).config(&certificate("site"));
    authority.issue(builder.dir(), "site", &["localhost"]);
    builder.file("ca.pem", authority.pem())
}

/// Where TLS is spoken.
fn address(server: &Server) -> SocketAddr {
    server.log.after("listening on https://").unwrap().parse().unwrap()
}

/// What curl says of `https://HOST` and a path, its arguments being `more`.
#[track_caller]
fn curl(server: &Server, host: &str, path: &str, more: &[&str]) -> Result<String, String> {
    let address = address(server);
    let (port, ip) = (address.port(), address.ip());
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "60", "--cacert"]).arg(server.dir().join("ca.pem"));
    curl.args(["--resolve", &format!("{host}:{port}:{ip}"), "-w", "\n%{http_version} %{http_code}"]);
    curl.args(more).arg(format!("https://{host}:{port}{path}"));
    let done = curl.output().unwrap();
    match done.status.success() {
        true => Ok(String::from_utf8(done.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}

/// A connection of TLS that stays open.
struct Open(StreamOwned<ClientConnection, TcpStream>);

impl Open {
    fn new(server: &Server, authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        Self(StreamOwned::new(connection, TcpStream::connect(address(server)).unwrap()))
    }

    fn get(&mut self, path: &str) -> String {
        write!(self.0, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut text = vec![0; 4096];
        let mut length = 0;
        while !text[..length].ends_with(b"localhost nobody") {
            let read = self.0.read(&mut text[length..]).unwrap();
            assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&text[..length]));
            length += read;
        }
        String::from_utf8(text[..length].to_vec()).unwrap()
    }

    /// The certificate that it was shown.
    fn shown(&self) -> CertificateDer<'static> {
        self.0.conn.peer_certificates().unwrap()[0].clone().into_owned()
    }
}

#[test]
fn a_client_has_the_version_that_it_likes_and_handlers_know() {
    let authority = Authority::new();
    let server = builder(&authority).start();
    for (option, body, version) in [
        ("--http2", "HTTP/2.0 localhost nobody", "2"),
        ("--http1.1", "HTTP/1.1 localhost nobody", "1.1"),
        ("--http1.0", "HTTP/1.0 localhost nobody", "1"),
    ] {
        let said = curl(&server, "localhost", "/connection", &[option]).unwrap();
        assert_eq!(said, format!("{body}\n{version} 200"), "{option}");
    }
    assert_eq!(server.get("/connection").text(), "HTTP/1.1 plain");
    for option in ["--tlsv1.3", "--tls-max 1.2"] {
        let options: Vec<_> = option.split(' ').collect();
        assert!(curl(&server, "localhost", "/connection", &options).is_ok(), "{option}");
    }
    let lines = server.access_log.lines();
    assert!(lines.iter().filter(|line| line.contains("scheme=https")).count() >= 3, "{lines:?}");
}

#[test]
fn only_1_3_where_that_is_the_least() {
    let authority = Authority::new();
    let server = builder(&authority).config("[tls]\nleast_version = \"1.3\"").start();
    curl(&server, "localhost", "/connection", &[]).unwrap();
    curl(&server, "localhost", "/connection", &["--tls-max", "1.2"]).unwrap_err();
}

#[test]
fn the_name_chooses_the_certificate() {
    let authority = Authority::new();
    let builder = builder(&authority).config(&certificate("wild")).config(&certificate("exact"));
    authority.issue(builder.dir(), "wild", &["*.a.example", "b.example"]);
    authority.issue(builder.dir(), "exact", &["x.a.example"]);
    let server = builder.start();
    for host in ["localhost", "y.a.example", "Z.A.example", "b.example", "x.a.example"] {
        let said = curl(&server, host, "/connection", &[]).unwrap();
        assert!(said.contains(&format!("HTTP/2.0 {}", host.to_ascii_lowercase())), "{host}: {said}");
    }
    // A wildcard stands for one label; who asks for another name is shown the first.
    for host in ["y.z.a.example", "a.example", "c.example"] {
        let error = curl(&server, host, "/connection", &[]).unwrap_err();
        assert!(error.contains("localhost") || error.contains("match"), "{host}: {error}");
    }
}

#[test]
fn certificates_are_read_anew_and_connections_go_on() {
    let authority = Authority::new();
    let server = builder(&authority).start();
    let mut before = Open::new(&server, &authority);
    before.get("/connection");
    let old = before.shown();
    authority.issue(server.dir(), "site", &["localhost"]);
    wait_until("a new connection is shown the new certificate", || {
        let mut open = Open::new(&server, &authority);
        open.get("/connection");
        open.shown() != old
    });
    server.log.wait_for_all(&["configuration reloaded", "the files of certificates"]);
    before.get("/connection");
    // One that does not fit its key takes the place of nothing.
    let current = fs::read(server.dir().join("site.key")).unwrap();
    authority.issue(server.dir(), "site", &["localhost"]);
    let new = fs::read(server.dir().join("site.key")).unwrap();
    fs::write(server.dir().join("site.key"), current).unwrap();
    server.log.wait_for_all(&["patchboard.toml:", "is not the key of the certificate in"]);
    Open::new(&server, &authority).get("/connection");
    fs::write(server.dir().join("site.key"), new).unwrap();
    server.log.wait_for_count("the files of certificates", 2);
    Open::new(&server, &authority).get("/connection");
}

#[test]
fn clients_show_who_they_are_where_they_are_asked() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    for (word, without) in [("required", false), ("optional", true)] {
        let clients =
            format!("[tls]\nclient_certificates = \"{word}\"\nclient_authorities = \"clients.pem\"");
        let clients_authority = Authority::new();
        let builder = builder(&authority).config(&clients).file("clients.pem", clients_authority.pem());
        clients_authority.issue(builder.dir(), "alice", &["alice"]);
        strangers.issue(builder.dir(), "mallory", &["mallory"]);
        let server = builder.start();
        let by = |name: &str| {
            let path = |ending: &str| server.dir().join(format!("{name}.{ending}")).display().to_string();
            curl(&server, "localhost", "/connection", &["--cert", &path("pem"), "--key", &path("key")])
        };
        assert_eq!(by("alice").unwrap(), "HTTP/2.0 localhost CN=alice\n2 200");
        by("mallory").unwrap_err();
        assert_eq!(curl(&server, "localhost", "/connection", &[]).is_ok(), without, "{word}");
    }
}

#[test]
fn who_speaks_something_else_is_told() {
    let authority = Authority::new();
    let server = builder(&authority).start();
    let mut plain = patchboard_tests::Connection::open(address(&server));
    plain.send("GET /connection HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let reply = plain.reply();
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("this address speaks TLS: ask it by https://"), "{}", reply.text());
    server.access_log.wait_for("status=400");
    // And by TLS where none is spoken.
    let mut hello = server.connect();
    hello.send([22, 3, 1, 0, 5, 1, 0, 0, 1, 3]);
    assert!(String::from_utf8_lossy(&hello.rest()).starts_with("HTTP/1.1 400 "));
    curl(&server, "localhost", "/connection", &[]).unwrap();
}

#[test]
fn a_handshake_has_its_time() {
    let authority = Authority::new();
    let server = builder(&authority).config("[tls]\nhandshake_timeout = \"200ms\"").start();
    for bytes in [&[][..], &[22], &[22, 3, 1, 2, 0, 1]] {
        let mut slow = patchboard_tests::Connection::open(address(&server));
        slow.send(bytes);
        slow.expect_closed();
    }
    curl(&server, "localhost", "/connection", &[]).unwrap();
}

#[test]
fn what_is_wrong_is_said_at_once_with_its_place() {
    let authority = Authority::new();
    for (expected, change) in [
        (
            "cannot read",
            (|builder| fs::remove_file(builder.dir().join("site.pem")).unwrap()) as fn(&ServerBuilder),
        ),
        ("there is no certificate in", |builder| fs::write(builder.dir().join("site.pem"), "none").unwrap()),
        ("there is no private key in", |builder| fs::write(builder.dir().join("site.key"), "none").unwrap()),
        ("is not the key of the certificate in", |builder| {
            let key = builder.dir().join("other.key");
            fs::copy(key, builder.dir().join("site.key")).unwrap();
        }),
        ("may be read by everybody", |builder| {
            let everybody = fs::Permissions::from_mode(0o644);
            fs::set_permissions(builder.dir().join("site.key"), everybody).unwrap();
        }),
    ] {
        let builder = builder(&authority);
        authority.issue(builder.dir(), "other", &["localhost"]);
        change(&builder);
        let exited = builder.start_in_vain();
        assert_eq!(exited.code, Some(2), "{}", exited.log);
        let line = exited
            .log
            .lines()
            .find(|line| line.contains(expected))
            .unwrap_or_else(|| panic!("{}", exited.log));
        assert!(line.contains("patchboard.toml:") && line.contains("; "), "{line}");
    }
    for (config, expected) in [
        (LISTENER.to_owned(), "speaks TLS, but there is no [[certificate]]"),
        (certificate("site"), "no listener needs the certificate"),
        ("[[listener]]\naddress = \"127.0.0.1:0\"\nto_https = true".to_owned(), "but no listener speaks TLS"),
        (format!("{LISTENER}\nh2c = true\n{}", certificate("site")), "with TLS, HTTP/2 needs no `h2c`"),
        ("[tls]\nclient_certificates = \"required\"".to_owned(), "add `client_authorities`"),
        ("[tls]\nclient_authorities = \"ca.pem\"".to_owned(), "no client is asked for a certificate"),
        ("[[listener]]\ntls = true".to_owned(), "a listener needs `address`"),
        (
            format!("{LISTENER}\n[[certificate]]\nchain = \"site.pem\""),
            "a certificate needs `chain` and `key`",
        ),
    ] {
        let builder = Server::builder().config(&config);
        authority.issue(builder.dir(), "site", &["localhost"]);
        let exited = builder.check();
        assert_eq!(exited.code, Some(2), "{config}: {}", exited.log);
        assert!(exited.log.contains(expected), "{config}: {}", exited.log);
    }
}

#[test]
fn a_plain_listener_sends_to_https_and_https_says_to_stay() {
    let authority = Authority::new();
    let redirecting = "[[listener]]\naddress = \"127.0.0.1:0\"\nto_https = true";
    let server = builder(&authority).listen_as_configured().config(redirecting);
    let server = server.server("hsts_seconds = 31536000").start();
    let port = address(&server).port();
    let reply = server.raw("GET /connection?a=b HTTP/1.1\r\nHost: localhost:80\r\n\r\n");
    assert_eq!(reply.status, 308);
    assert_eq!(reply.header("location"), Some(&*format!("https://localhost:{port}/connection?a=b")));
    assert_eq!(reply.header("strict-transport-security"), None);
    let said = curl(&server, "localhost", "/connection", &["-i"]).unwrap();
    assert!(said.contains("\r\nstrict-transport-security: max-age=31536000\r\n"), "{said}");
}

#[test]
fn a_check_tells_what_certificates_are_for() {
    let authority = Authority::new();
    let checked = builder(&authority).check();
    assert_eq!(checked.code, Some(0), "{}", checked.log);
    assert!(checked.output.contains("certificate for localhost until "), "{}", checked.output);
}

#[test]
fn one_that_has_expired_is_told_of() {
    let builder = Server::builder().guest("asking").config(LISTENER).config(&certificate("site"));
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    (params.not_before, params.not_after) =
        (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2020, 2, 1));
    let key = rcgen::KeyPair::generate().unwrap();
    let builder = builder.file("site.pem", params.self_signed(&key).unwrap().pem());
    let builder = builder.file("site.key", key.serialize_pem());
    fs::set_permissions(builder.dir().join("site.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let server = builder.start();
    server.log.wait_for_all(&["WARN", "the certificate for localhost has expired at 2020-02-01T00:00:00Z"]);
}
