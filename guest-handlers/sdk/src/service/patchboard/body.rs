//! Bodies between axum and the component's world.
//!
//! [`incoming`]: a request's, from the WIT to axum. [`outgoing`]: a response's,
//! from axum to the WIT.

pub(crate) mod incoming;
pub(crate) mod outgoing;

use super::bindings::patchboard::handler::types::BodyError;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, Full, Limited};
use std::fmt;

impl std::error::Error for BodyError {}

impl fmt::Display for BodyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Disconnected => "the other side closed the connection",
            Self::TooLarge => "the body is too large",
            Self::TimedOut => "the body took too long",
            Self::Malformed => "the body is malformed",
        })
    }
}

/// A body's end that is no proper end, as axum's `Error` wants it.
///
/// axum answers 413 to exactly one error, `http-body-util`'s length limit, which
/// cannot be constructed, so it is provoked.
fn into_source(error: BodyError) -> Box<dyn std::error::Error + Send + Sync> {
    if let BodyError::TooLarge = error {
        let over_limit = Limited::new(Full::new(Bytes::from_static(b"x")), 0);
        if let Some(Err(error)) = over_limit.collect().now_or_never() {
            return error;
        }
    }
    Box::new(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_over_its_limit_is_the_error_that_axum_answers_with_413() {
        assert!(into_source(BodyError::TooLarge).is::<http_body_util::LengthLimitError>());
        assert!(into_source(BodyError::Disconnected).is::<BodyError>());
    }
}
