//! What is wrong with a Redis, in words: what who asked is told, and what the operator is to
//! do. No text has the URL, which may have a password.

use redis::{ErrorKind, RedisError, ServerError};

/// What is wrong with it.
pub(super) struct Trouble {
    /// Follows its address.
    pub(super) reason: String,
    /// What to do; empty where nothing is wrong with the Redis itself.
    pub(super) remedy: &'static str,
    /// Whether another connection may fare better.
    pub(super) is_of_connection: bool,
    /// What the client or the server says of it.
    pub(super) detail: String,
}

impl Trouble {
    /// What `error` says of a Redis that is reached over TLS, or is not, and has answered
    /// before, or has not.
    pub(super) fn of(error: &RedisError, is_tls: bool, has_answered: bool) -> Self {
        // Of a transaction, why it was not begun.
        let of_server = error.clone().into_server_errors();
        let first = of_server.as_deref().and_then(|all| all.first()).map(|(_, error)| error);
        let code = first.map(ServerError::code);
        let detail = first.map_or_else(|| error.to_string(), ServerError::to_string);
        let detail = detail.trim_end();
        let trouble = |reason: &str, remedy: &'static str, is_of_connection: bool| Self {
            reason: reason.to_owned(),
            remedy,
            is_of_connection,
            detail: detail.to_owned(),
        };
        if error.is_timeout() {
            let remedy = match is_tls && !has_answered {
                true => "see whether it is there, and speaks TLS: where it does not, its `url` is redis://…",
                false => "see whether it is there, and not stopped or too busy",
            };
            return trouble("has not answered in time", remedy, true);
        }
        if error.is_connection_refusal() {
            return trouble("refuses connections", "start it, or correct its `url`", false);
        }
        if error.is_connection_dropped() {
            let remedy = match (has_answered, is_tls) {
                (true, _) => "see its log",
                (false, true) => "see its log; where it speaks no TLS there, its `url` is redis://…",
                (false, false) => "see its log; where it speaks TLS there, its `url` is rediss://…",
            };
            return trouble("has closed the connection", remedy, false);
        }
        if error.is_io_error() {
            let remedy = match is_tls {
                true => "correct its `url`, or let the machine trust its certificate",
                false => "correct its `url`",
            };
            return trouble("cannot be reached", remedy, false);
        }
        let remedy = match code {
            Some("NOAUTH") => "it wants a password: write its `url` as redis://:PASSWORD@…",
            Some("NOPERM") => "let its user call hash, sorted set and scripting commands on patchboard:*",
            Some("LOADING") => "it is reading what it has; wait",
            Some("MASTERDOWN" | "READONLY") => "let `url` lead to the primary",
            Some("WRONGPASS") => "correct the user or the password in its `url`",
            _ if error.kind() == ErrorKind::AuthenticationFailed => {
                "correct the user or the password in its `url`; it may want none"
            }
            code => return trouble(&format!("has answered: {}", code.unwrap_or("an error")), "", false),
        };
        let how = code.unwrap_or("by its credentials");
        trouble(&format!("refuses this server ({how})"), remedy, true)
    }
}
