//! Why a call failed, and what the client is told of it.

use std::time::Duration;

use http::StatusCode;

/// What the log keeps of why a call failed, in bytes.
const LONGEST: usize = 1 << 10;

/// Why a body is cut: whoever made it has ended, or given it up.
#[derive(Debug, thiserror::Error)]
#[error("the call ended before the body of its response")]
pub(super) struct Unfinished;

/// A function of a backtrace, and where it is in its source, if the component says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its name, as it is in the source; empty where it has none.
    pub function: String,
    /// The file, as the compiler has named it.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
}

/// Why a handler gave no response.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The guest trapped: it panicked, ran out of memory, or broke a rule.
    #[error("the call trapped: {cause}")]
    Trapped {
        /// In one line.
        cause: String,
        /// With the guest's backtrace.
        trace: String,
        /// That backtrace, the innermost function first, as far as it is known.
        frames: Vec<Frame>,
    },
    /// The guest called `exit` with this status.
    #[error("the handler called exit({0}), which ended its instance; let it answer or return instead")]
    Exited(i32),
    /// Something else trapped in the same instance, or called `exit`.
    #[error("another call trapped in the same instance, or called exit")]
    Neighbour,
    /// The guest used more CPU time than `cpu_timeout`.
    #[error("the call used more CPU time than limits.cpu_timeout ({0:?})")]
    CpuTimeout(Duration),
    /// The guest gave no response.
    #[error("the call ended without a response")]
    NoResponse,
    /// The call ended before the body of its response did, and nothing of it had left.
    #[error("{Unfinished}")]
    Unfinished,
    /// The call could not be handed to the guest, which never began with it.
    #[error("the call could not be handed to the handler: {0}")]
    NotEntered(String),
    /// The guest could not be started.
    #[error("no instance could be made: {0}")]
    NoInstance(String),
    /// The guest's response is not valid HTTP.
    #[error("the response is invalid: {0}")]
    InvalidResponse(String),
    /// The guest passed a failure on, usually one of an outbound request.
    #[error("the handler passed on an error: {0}")]
    PassedOn(String),
    /// The request body is longer than allowed.
    #[error("the request body exceeds limits.request_body_bytes")]
    RequestTooLarge,
    /// The client sent nothing of the request body for longer than `body_idle_timeout`.
    #[error("nothing of the request body came for limits.body_idle_timeout ({0:?})")]
    RequestTooSlow(Duration),
    /// The request body broke off or was malformed, and the guest failed on it.
    #[error("the request body broke off or is malformed")]
    RequestBroken,
    /// The call took longer than `call_timeout`.
    #[error("the call took longer than limits.call_timeout ({0:?})")]
    CallTimeout(Duration),
    /// Too many calls wait already.
    #[error("limits.queue calls wait already")]
    QueueFull,
    /// The call waited longer than `queue_timeout`.
    #[error("the call waited longer than limits.queue_timeout ({0:?})")]
    QueueTimeout(Duration),
    /// The path has trapped too often in a row; its calls are refused for so long.
    #[error("the path keeps trapping; its calls are refused for {0:?}")]
    Paused(Duration),
}

impl CallError {
    /// The status that stands for it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Trapped { .. }
            | Self::Exited(_)
            | Self::Neighbour
            | Self::CpuTimeout(_)
            | Self::NoResponse
            | Self::Unfinished
            | Self::NotEntered(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::InvalidResponse(_) | Self::PassedOn(_) => StatusCode::BAD_GATEWAY,
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::RequestBroken => StatusCode::BAD_REQUEST,
            Self::CallTimeout(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::NoInstance(_) | Self::QueueFull | Self::QueueTimeout(_) | Self::Paused(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// Logs it, once, where it is handled.
    pub fn log(&self, handler: &str, request_id: &str) {
        match self {
            // The client's doing; and what was said when the pause began.
            Self::RequestTooLarge | Self::RequestTooSlow(_) | Self::RequestBroken | Self::Paused(_) => {
                tracing::debug!(handler, request_id, "{self}")
            }
            _ => {
                tracing::error!(handler, request_id, "{}", self.line());
                if let Self::Trapped { trace, .. } = self {
                    trace.lines().for_each(|line| tracing::debug!(handler, request_id, "{line}"));
                }
            }
        }
    }

    /// Logs it where the response was complete before, so that no client has noticed.
    pub(super) fn log_after(&self, handler: &str, request_id: &str) {
        tracing::error!(handler, request_id, "after its response was complete, {}", self.line());
    }

    /// As the log has it: what a guest says of itself may be long.
    fn line(&self) -> String {
        let mut text = self.to_string();
        text.truncate(text.floor_char_boundary(LONGEST));
        text
    }

    /// What it is called where failures are counted.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Trapped { .. } => "trapped",
            Self::Exited(_) => "exited",
            Self::Neighbour => "neighbour_trapped",
            Self::CpuTimeout(_) => "cpu_timeout",
            Self::NoResponse => "no_response",
            Self::Unfinished => "unfinished",
            Self::NotEntered(_) => "not_entered",
            Self::NoInstance(_) => "no_instance",
            Self::InvalidResponse(_) => "invalid_response",
            Self::PassedOn(_) => "passed_on",
            Self::RequestTooLarge => "request_too_large",
            Self::RequestTooSlow(_) => "request_too_slow",
            Self::RequestBroken => "request_broken",
            Self::CallTimeout(_) => "call_timeout",
            Self::QueueFull => "queue_full",
            Self::QueueTimeout(_) => "queue_timeout",
            Self::Paused(_) => "paused",
        }
    }

    /// Whether the guest itself failed, so that it may well fail again.
    pub(super) fn is_guest_failure(&self) -> bool {
        matches!(
            self,
            Self::Trapped { .. }
                | Self::Exited(_)
                | Self::CpuTimeout(_)
                | Self::NoResponse
                | Self::Unfinished
                | Self::NoInstance(_)
        )
    }

    /// How long the client should wait before it asks again, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Paused(pause) => Some(*pause),
            _ => None,
        }
    }

    /// What `--dev` shows.
    pub fn detail(&self) -> String {
        match self {
            Self::Trapped { trace, .. } => trace.clone(),
            _ => self.to_string(),
        }
    }
}
