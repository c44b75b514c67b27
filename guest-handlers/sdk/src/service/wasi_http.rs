//! The world `wasi:http/service@0.3`: any host calls, and this component routes.

use super::standalone;
use axum::body::Body;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Request, Response};
use wasip3::http_compat::{http_from_wasi_request, http_into_wasi_response};

struct Component;

wasip3::http::service::export!(Component);

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let request = http_from_wasi_request(request)?.map(Body::new);
        let response = standalone::answer(request).await;
        http_into_wasi_response(response)
    }
}
