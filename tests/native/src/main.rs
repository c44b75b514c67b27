//! A server that answers every request with `Hello, world`, by hyper alone: the floor
//! that the benchmark measures handlers against.
//!
//! `patchboard-native ADDR THREADS`: each thread has a runtime and a listener of its
//! own, the fastest arrangement that was found, so that the comparison is hard.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::thread;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: patchboard-native ADDR THREADS";
    let address: SocketAddr = arguments.next().context(usage)?.parse().context(usage)?;
    let threads: usize = arguments.next().context(usage)?.parse().context(usage)?;
    let threads: Vec<_> = (0..threads).map(|_| thread::spawn(move || serve(address))).collect();
    for thread in threads {
        thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")))?;
    }
    Ok(())
}

fn serve(address: SocketAddr) -> Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::from_std(socket.into())?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(async move {
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(hello));
                // A client that goes away is no matter here.
                connection.await.ok();
            });
        }
    })
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"Hello, world")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(response)
}
