//! The world `wasi:http/service@0.3`: any host calls, and this component routes.

use super::standalone;
use crate::registry::RouteEntry;
use crate::wants::Wants;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};
use http_body::Body as _;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Method as WasiMethod, Request, Response as WasiResponse};
use wasip3::http_compat::{http_from_wasi_request, http_into_wasi_response};

struct Component;

wasip3::http::service::export!(Component);

impl Guest for Component {
    async fn handle(request: Request) -> Result<WasiResponse, ErrorCode> {
        crate::log::start();
        let mut response = match without_arguments(&request) {
            Some(route) => (route.call)(Default::default()).await,
            None => standalone::answer(http_from_wasi_request(request)?.map(Body::new)).await,
        };
        state_length(&mut response);
        http_into_wasi_response(response)
    }
}

/// The route for `request`, if its handler has no arguments: then the request need not
/// be fetched from the host, part by part.
fn without_arguments(request: &Request) -> Option<&'static RouteEntry> {
    let method = match request.get_method() {
        WasiMethod::Get => Method::GET,
        WasiMethod::Head => Method::HEAD,
        WasiMethod::Post => Method::POST,
        _ => return None,
    };
    let target = request.get_path_with_query()?;
    let path = target.split('?').next()?;
    standalone::choose(path, &method)
        .ok()
        .map(|(route, _)| route)
        .filter(|route| (route.wants)() == Wants::Nothing)
}

/// States the length of a body, where it is known: this world has no other way to
/// tell the host, which would send the body in chunks. RFC 9110, section 8.6, says
/// which responses have none.
fn state_length(response: &mut Response) {
    let has_no_length = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let (Some(length), false) = (response.body().size_hint().exact(), has_no_length) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
}
