//! `wasi:logging`: a guest's messages as lines of the host's log, with the route and
//! the request that they belong to.
//!
//! A line is cut, counted and dropped as those of stdout and stderr are; a level that
//! nobody reads costs neither.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker};

use super::{LINE_BYTES, LogLimit, cut};
use crate::config::Isolation;
use crate::handlers::state::{State, current_call};

/// The interface of the proposal, and its name before it had a version.
const INTERFACES: [&str; 2] = ["wasi:logging/logging@0.1.0-draft", "wasi:logging/logging"];

/// The longest context that is kept whole.
const CONTEXT_BYTES: usize = 256;

/// `level` of `wasi:logging/logging`.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "only guests make them")]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

pub(in crate::handlers) fn link(linker: &mut Linker<State>, _: Isolation) -> wasmtime::Result<()> {
    for interface in INTERFACES {
        linker.instance(interface)?.func_wrap("log", log)?;
    }
    Ok(())
}

fn log(
    store: StoreContextMut<'_, State>,
    (level, context, message): (Level, String, String),
) -> wasmtime::Result<()> {
    if !level.is_read() {
        return Ok(());
    }
    let state = store.data();
    let (handler, limit) = (state.handler.clone(), state.grants.logging.clone());
    let call = current_call(store)?;
    let call = call.as_ref().map(|call| (&*call.route.pattern, &*call.request_id));
    let context = cut(&context, CONTEXT_BYTES);
    each_line(&message, &limit, (&handler, context.len()), |line| level.write(&handler, call, context, line));
    Ok(())
}

/// Gives `write` the lines that may be logged now, each with a context of so many bytes. There may
/// be millions: what does not fit is not looked at, and an empty line counts too.
fn each_line(
    message: &str,
    limit: &LogLimit,
    (handler, context_bytes): (&str, usize),
    mut write: impl FnMut(&str),
) {
    let mut left = message;
    while !left.is_empty() {
        let (line, rest) = left.split_once('\n').unwrap_or((left, ""));
        left = rest;
        let line = cut(line.trim_end_matches('\r'), LINE_BYTES);
        let bytes = if line.is_empty() { 1 } else { context_bytes + line.len() };
        if !limit.admit(handler, bytes) {
            limit.drop_all(left.len());
            break;
        }
        if !line.is_empty() {
            write(line);
        }
    }
}

impl Level {
    fn is_read(self) -> bool {
        match self {
            Self::Trace => tracing::enabled!(tracing::Level::TRACE),
            Self::Debug => tracing::enabled!(tracing::Level::DEBUG),
            Self::Info => tracing::enabled!(tracing::Level::INFO),
            Self::Warn => tracing::enabled!(tracing::Level::WARN),
            Self::Error | Self::Critical => tracing::enabled!(tracing::Level::ERROR),
        }
    }

    fn write(self, handler: &Arc<str>, call: Option<(&str, &str)>, context: &str, line: &str) {
        let (route, request_id) = call.unzip();
        macro_rules! write {
            ($level:ident) => {
                tracing::$level!(%handler, route, request_id, context, "{line}")
            };
        }
        match self {
            Self::Trace => write!(trace),
            Self::Debug => write!(debug),
            Self::Info => write!(info),
            Self::Warn => write!(warn),
            Self::Error | Self::Critical => write!(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_millions_of_lines_no_more_are_looked_at_than_fit() {
        for (line, most) in [("\n", 1000), ("\r\n", 1000), ("x\n", 1000), ("xxxx\n", 250), ("xx\r\n", 500)] {
            let (limit, mut written) = (LogLimit::new(1000), 0);
            let message = line.repeat(20_000_000 / line.len());
            each_line(&message, &limit, ("h", 0), |_| written += 1);
            assert!(written <= most, "{line:?} {written}");
            assert!(limit.dropped() >= (message.len() - (most + 1) * line.len()) as u64, "{line:?}");
        }
        // One line, however long it is.
        let (limit, mut written) = (LogLimit::new(1 << 20), 0);
        each_line(&"x".repeat(20_000_000), &limit, ("h", 10), |line| written += line.len());
        assert_eq!(written, LINE_BYTES);
    }
}
