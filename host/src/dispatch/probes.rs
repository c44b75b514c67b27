//! What is below `/-/`: whether the server lives and is ready, and its metrics.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Response, StatusCode};

use super::plain::{status, with_allow};
use crate::body::Body;
use crate::handlers::Engine;
use crate::readiness::Readiness;

/// What the probes tell of.
#[derive(Debug)]
pub(super) struct Probes {
    engine: Arc<Engine>,
    readiness: Arc<Readiness>,
}

impl Probes {
    pub(super) fn new(engine: Arc<Engine>, readiness: Arc<Readiness>) -> Self {
        Self { engine, readiness }
    }

    /// Lets `ready` answer 503 from now on.
    pub(super) fn end(&self) {
        self.readiness.end();
    }

    /// Answers the probe of this name.
    pub(super) fn answer(&self, probe: &str, method: &Method) -> Response<Body> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return with_allow(StatusCode::METHOD_NOT_ALLOWED, &[Method::GET, Method::HEAD]);
        }
        match probe {
            "live" => Response::new(Body::full("live\n")),
            "ready" if self.readiness.is_ready() => Response::new(Body::full("ready\n")),
            "ready" => status(StatusCode::SERVICE_UNAVAILABLE),
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    /// The same on the probes' own listener, which has the metrics too: only there the
    /// operator has said who may see them.
    pub(super) fn answer_apart(&self, probe: &str, method: &Method) -> Response<Body> {
        if probe != "metrics" || method != Method::GET {
            return self.answer(probe, method);
        }
        let mut response = Response::new(Body::full(self.engine.metrics()));
        let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        response
    }
}
