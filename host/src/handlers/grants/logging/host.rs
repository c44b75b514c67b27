//! `wasi:logging`: a guest's messages as lines of the host's log, with the route and
//! the request that they belong to.
//!
//! A line is cut, counted and dropped as those of stdout and stderr are; a level that
//! nobody reads costs neither.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker};

use super::{LINE_BYTES, printable};
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
    let context = printable(cut(&context, CONTEXT_BYTES));
    for line in message.lines().filter(|line| !line.is_empty()) {
        let line = cut(line, LINE_BYTES);
        if limit.admit(&handler, context.len() + line.len()) {
            level.write(&handler, call, &context, &printable(line));
        }
    }
    Ok(())
}

fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
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
