//! The threads that compile, in their place behind those that serve.

use std::num::NonZero;
use std::sync::Once;
use std::thread::available_parallelism;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Weight 15 to the 1024 of a thread that serves, where both want the CPU.
const NICENESS: i32 = 19;

/// Lets all compiling from now on happen at a low priority, on all CPUs.
///
/// The compiler works on rayon's global threads, which would inherit the priority of
/// whoever happened to compile first.
pub(super) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Err(error) = threads().build_global() {
            tracing::warn!(%error, "components are compiled at the priority of requests");
        }
    });
}

/// The threads for what is dropped in while requests are served: as many as keep half
/// of the CPUs busy.
///
/// # Errors
///
/// If they cannot be started.
pub fn beside_requests() -> Result<ThreadPool, ThreadPoolBuildError> {
    let half = available_parallelism().map_or(1, NonZero::get).div_ceil(2);
    threads().num_threads(half).build()
}

fn threads() -> ThreadPoolBuilder {
    ThreadPoolBuilder::new().thread_name(|index| format!("compile-{index}")).start_handler(|_| step_back())
}

/// Lowers the priority of this thread.
fn step_back() {
    // Where it fails, compiling merely competes with requests.
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS).ok();
}
