//! Requests as `wasi:http` sends them, and its words for what fails.

use std::future::Future;
use std::io;

use http::{Request, Response};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::send::{Failure, Outbound, Timeouts, io_kind};

type Result<T> = std::result::Result<T, Error>;
type Completion = Box<dyn Future<Output = Result<()>> + Send>;

/// Bytes of an outgoing body of 0.2 that a guest may write before they are sent.
const CHUNK_BYTES: usize = 64 << 10;

impl WasiHttpHooks for Outbound {
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        sent: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Completion)>> + Send> {
        let options = options.unwrap_or_default();
        let timeouts = Timeouts {
            connect: options.connect_timeout,
            first_byte: options.first_byte_timeout,
            between_bytes: options.between_bytes_timeout,
        };
        let response = self.send(request, timeouts, self.caller());
        Box::new(async move {
            // Whatever the guest's response stream reports is of no use to the server.
            drop(sent);
            let response = response.await?.map(BodyExt::boxed_unsync);
            Ok((response, Box::new(std::future::ready(Ok(()))) as Completion))
        })
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::InvalidUrl => Self::HttpRequestUriInvalid,
            Failure::NotGranted(_) => Self::HttpRequestDenied,
            Failure::NoServer => Self::DestinationUnavailable,
            Failure::TooManyRequests => Self::ConnectionLimitReached,
            Failure::FirstByte => Self::HttpResponseTimeout,
            Failure::Client(error) => explain(&error),
        }
    }
}

fn explain(error: &hyper_util::client::legacy::Error) -> Error {
    match io_kind(error) {
        Some(io::ErrorKind::ConnectionRefused) => Error::ConnectionRefused,
        Some(io::ErrorKind::TimedOut) => Error::ConnectionTimeout,
        Some(io::ErrorKind::PermissionDenied) => Error::DestinationIpProhibited,
        Some(io::ErrorKind::NotFound) => Error::DnsError { rcode: None, info_code: None },
        Some(io::ErrorKind::InvalidData) => Error::TlsProtocolError,
        _ if error.is_connect() => Error::DestinationUnavailable,
        _ => Error::ConnectionTerminated,
    }
}
