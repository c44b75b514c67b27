//! Who answers, in a test, what handlers ask of other servers.

use std::error::Error;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;

/// Answers what comes by `stream`, by `answer`, for as long as it is open. Where there is no
/// answer, it is closed.
pub async fn stand_in<F, A, E>(stream: DuplexStream, answer: F)
where
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Result<Response<Full<Bytes>>, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let service = service_fn(answer);
    // That it was closed is what the handler is told.
    http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service).await.ok();
}
