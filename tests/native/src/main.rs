//! A server that answers every request with `Hello, world`, by hyper alone: the floor
//! that the benchmark measures handlers against.
//!
//! `patchboard-native ADDR THREADS [ORIGIN]`: each thread has a runtime and a listener of
//! its own, the fastest arrangement that was found, so that the comparison is hard. With
//! an origin it does what the demo's `demo2` does: it sends a form there, over
//! connections that it keeps, awaits the answer, and then says `welcome`.

use std::net::SocketAddr;
use std::thread;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: patchboard-native ADDR THREADS [ORIGIN]";
    let address: SocketAddr = arguments.next().context(usage)?.parse().context(usage)?;
    let threads: usize = arguments.next().context(usage)?.parse().context(usage)?;
    let url: Option<Uri> =
        arguments.next().map(|origin| format!("{origin}/demo1/demo2").parse()).transpose().context(usage)?;
    let serve = |_| {
        let url = url.clone();
        thread::spawn(move || serve(address, url))
    };
    let threads: Vec<_> = (0..threads).map(serve).collect();
    for thread in threads {
        thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")))?;
    }
    Ok(())
}

fn serve(address: SocketAddr, url: Option<Uri>) -> Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        let listener = TcpListener::from_std(socket.into())?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (client, url) = (client.clone(), url.clone());
            tokio::task::spawn_local(async move {
                let service = service_fn(|_: Request<Incoming>| answer(&client, url.as_ref()));
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A client that goes away is no matter here.
                connection.await.ok();
            });
        }
    })
}

async fn answer(
    client: &Client<HttpConnector, Full<Bytes>>,
    url: Option<&Uri>,
) -> Result<Response<Full<Bytes>>, hyper_util::client::legacy::Error> {
    let Some(url) = url else { return Ok(text("Hello, world")) };
    let mut form = Request::new(Full::new(Bytes::from_static(b"key=welcome")));
    (*form.method_mut(), *form.uri_mut()) = (Method::POST, url.clone());
    let media_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    form.headers_mut().insert(CONTENT_TYPE, media_type);
    // As demo2: the body is not read, and a response that is none is an error.
    let response = client.request(form).await?;
    let mut answer = text(if response.status().is_success() { "welcome" } else { "failed" });
    *answer.status_mut() = response.status();
    Ok(answer)
}

fn text(text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
