//! A connection of HTTP/2, by hyper. One stream is open at a time, as many connections
//! as there are requests under way, so that both versions are measured alike.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::Reply;
use super::stream::Stream;
use crate::failure::Failure;

/// How long a connection may show no sign of life.
const PING: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct Http2 {
    sender: SendRequest<Full<Bytes>>,
}

/// Spawns on the thread's own runtime.
#[derive(Debug, Clone, Copy)]
struct Local;

impl<F> Executor<F> for Local
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

impl Http2 {
    pub(crate) async fn new(stream: Stream) -> Result<Self, Failure> {
        let mut builder = http2::Builder::new(Local);
        builder.timer(TokioTimer::new()).keep_alive_interval(PING);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(failed)?;
        tokio::task::spawn_local(async move {
            // Its error is the error of the request under way, which is counted.
            let _ = connection.await;
        });
        Ok(Self { sender })
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.sender.is_closed()
    }

    pub(crate) async fn exchange(
        &mut self,
        request: http::Request<Full<Bytes>>,
        mut kept: Option<&mut Vec<u8>>,
    ) -> Result<Reply, Failure> {
        self.sender.ready().await.map_err(failed)?;
        let mut response = self.sender.send_request(request).await.map_err(failed)?;
        let status = response.status().as_u16();
        let mut received = 0;
        while let Some(frame) = response.body_mut().frame().await {
            let frame = frame.map_err(failed)?;
            let Some(data) = frame.data_ref() else { continue };
            received += data.len() as u64;
            if let Some(kept) = kept.as_deref_mut() {
                super::response::keep(kept, data)?;
            }
        }
        Ok(Reply { status, received, reusable: true })
    }
}

fn failed(error: hyper::Error) -> Failure {
    use std::error::Error as _;
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    Failure::Http2(format!("{error}{cause}"))
}
