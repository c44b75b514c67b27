//! One exchange through `wasi:http/client@0.3`.

use super::error::{ErrorKind, Source};
use super::timeouts::Timeouts;
use crate::time::nanoseconds;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;
use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Request, RequestOptions, Response};
use wasip3::http_compat::{BodyWriter, http_from_wasi_response};
use wasip3::wit_future;

/// Sends `request` and waits for the head of the response. The request's body is
/// written by a task of its own, the response's is read when it is polled.
pub(super) async fn send(
    request: http::Request<Body>,
    timeouts: Timeouts,
) -> Result<http::Response<Body>, (ErrorKind, Source)> {
    let request = into_wasi(request, timeouts).map_err(|error| (ErrorKind::Request, error))?;
    let response = client::send(request).await.map_err(|error| (kind(&error), error.into()))?;
    from_wasi(response).map_err(|error| (ErrorKind::Malformed, error))
}

fn kind(error: &ErrorCode) -> ErrorKind {
    match error {
        ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestMethodInvalid => ErrorKind::Request,
        ErrorCode::HttpRequestDenied => ErrorKind::NotGranted,
        ErrorCode::DestinationIpProhibited | ErrorCode::DestinationIpUnroutable => {
            ErrorKind::ProhibitedAddress
        }
        ErrorCode::ConnectionLimitReached => ErrorKind::TooManyRequests,
        ErrorCode::DnsError(_) | ErrorCode::DnsTimeout | ErrorCode::DestinationNotFound => ErrorKind::Dns,
        ErrorCode::ConnectionRefused | ErrorCode::DestinationUnavailable => ErrorKind::Refused,
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
            ErrorKind::Tls
        }
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => ErrorKind::TimedOut,
        ErrorCode::ConnectionTerminated => ErrorKind::Disconnected,
        ErrorCode::HttpProtocolError | ErrorCode::HttpResponseIncomplete => ErrorKind::Malformed,
        _ => ErrorKind::Other,
    }
}

fn into_wasi(request: http::Request<Body>, timeouts: Timeouts) -> Result<Request, Source> {
    let (head, body) = request.into_parts();
    let headers = fields(head.headers, &body)?;

    let request = if body.is_end_stream() {
        let (_, trailers) = wit_future::new(|| Ok(None));
        Request::new(headers, None, trailers, options(timeouts)?).0
    } else {
        let (writer, content, trailers) = BodyWriter::new();
        wit_bindgen::spawn_local(async move {
            let mut body = body;
            // What goes wrong here reaches the host by the trailers, and this
            // call by the response that fails.
            let _ = writer.send_http_body(&mut body).await;
        });
        Request::new(headers, Some(content), trailers, options(timeouts)?).0
    };

    let scheme = head.uri.scheme().map(Into::into);
    let authority = head.uri.authority().map(|authority| authority.as_str());
    let path = head.uri.path_and_query().map(|path| path.as_str());
    request.set_method(&head.method.into()).map_err(|()| ErrorCode::HttpRequestMethodInvalid)?;
    request.set_scheme(scheme.as_ref()).map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
    request.set_authority(authority).map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
    request.set_path_with_query(path).map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
    Ok(request)
}

/// How long the host may wait.
fn options(Timeouts { connect, read }: Timeouts) -> Result<Option<RequestOptions>, Source> {
    if connect.is_none() && read.is_none() {
        return Ok(None);
    }
    let options = RequestOptions::new();
    let refused = |_| "the host knows no such time-out";
    options.set_connect_timeout(connect.map(nanoseconds)).map_err(refused)?;
    options.set_between_bytes_timeout(read.map(nanoseconds)).map_err(refused)?;
    Ok(Some(options))
}

/// The fields of the request, with the length of its body where that is known,
/// so that the host need not send it in chunks.
fn fields(mut headers: HeaderMap, body: &Body) -> Result<Fields, Source> {
    if let (Some(length), false) = (body.size_hint().exact(), body.is_end_stream()) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(headers.try_into()?)
}

fn from_wasi(response: Response) -> Result<http::Response<Body>, Source> {
    Ok(http_from_wasi_response(response)?.map(Body::new))
}
