//! TLS, and HTTP/2 with and without it, against a server that is hyper's.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::scripted::{failures, load, number};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};

struct Server {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
    /// The server's own certificate, as a file.
    certificate: tempfile::NamedTempFile,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Version {
    One,
    Two,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Security {
    Plain,
    Tls,
}

fn start(version: Version, security: Security) -> Server {
    let certified =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let certificate = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(certificate.path(), certified.cert.pem()).unwrap();
    let chain = vec![CertificateDer::from(certified.cert.der().to_vec())];
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key.into())
        .unwrap();
    config.alpn_protocols = vec![if version == Version::Two { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let requests = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&requests);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                tokio::task::spawn_local(async move {
                    match security {
                        Security::Plain => serve(tcp, version, counted).await,
                        Security::Tls => {
                            let Ok(tls) = acceptor.accept(tcp).await else { return };
                            serve(tls, version, counted).await;
                        }
                    }
                });
            }
        });
    });
    Server { address, requests, certificate }
}

async fn serve(io: impl AsyncRead + AsyncWrite + Unpin + 'static, version: Version, counted: Arc<AtomicU64>) {
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let counted = Arc::clone(&counted);
        async move {
            let line = format!("{:?} {}", request.version(), request.uri().path());
            let body = request.into_body().collect().await.unwrap().to_bytes();
            counted.fetch_add(1, Ordering::SeqCst);
            let text = format!("{line} {}", String::from_utf8_lossy(&body));
            Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from(text))))
        }
    });
    let io = TokioIo::new(io);
    // The client ends connections, which is an error to some.
    match version {
        Version::One => drop(hyper::server::conn::http1::Builder::new().serve_connection(io, service).await),
        Version::Two => {
            drop(hyper::server::conn::http2::Builder::new(Local).serve_connection(io, service).await);
        }
    }
}

#[derive(Clone, Copy)]
struct Local;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

#[test]
fn each_version_with_and_without_tls() {
    for (version, security) in [
        (Version::One, Security::Plain),
        (Version::One, Security::Tls),
        (Version::Two, Security::Plain),
        (Version::Two, Security::Tls),
    ] {
        let server = start(version, security);
        let scheme = if security == Security::Tls { "https" } else { "http" };
        let (flag, name) = if version == Version::Two { ("--http2", "HTTP/2.0") } else { ("", "HTTP/1.1") };
        let certificate = server.certificate.path().display();
        let (report, fine) = load(&format!(
            "{scheme}://{}/a/{{{{seq}}}} -d body-{{{{seq}}}} -n 60 -c 3 {flag} --cacert {certificate} \
             --expect-body {name} --expect-status 200",
            server.address
        ));
        assert!(fine, "{version:?} {security:?}: {report:#}");
        assert_eq!(server.requests.load(Ordering::SeqCst), 60);
        assert_eq!((number(&report, "/requests"), number(&report, "/connections")), (60.0, 3.0));
        assert!(number(&report, "/received_bytes") > 60.0 * 20.0);
    }
}

#[test]
fn a_certificate_nobody_vouches_for_is_refused_unless_told_otherwise() {
    let server = start(Version::One, Security::Tls);
    let (report, fine) = load(&format!("https://{} -n 2", server.address));
    assert!(!fine);
    assert_eq!(failures(&report, "tls"), 2, "{report:#}");
    assert!(report["failures"][0]["example"].as_str().unwrap().contains("--insecure"));
    assert!(load(&format!("https://{} -n 2 --insecure", server.address)).1);
}

#[test]
fn a_server_of_the_other_version_is_a_failure() {
    let server = start(Version::One, Security::Plain);
    let (report, fine) = load(&format!("{} -n 2 -c 1 --http2", server.address));
    assert!(!fine);
    assert_eq!(failures(&report, "http2"), 2, "{report:#}");
}
