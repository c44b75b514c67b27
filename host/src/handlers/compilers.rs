//! The threads that compile, in their place behind those that serve.

use std::sync::Once;

/// Weight 15 to the 1024 of a thread that serves, where both want the CPU.
const NICENESS: i32 = 19;

/// Lets all compiling from now on happen at a low priority.
///
/// The compiler works on rayon's global threads, which would inherit the priority of
/// whoever happened to compile first.
pub(super) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let pool = rayon::ThreadPoolBuilder::new()
            .thread_name(|index| format!("compile-{index}"))
            .start_handler(|_| step_back());
        if let Err(error) = pool.build_global() {
            tracing::warn!(%error, "components are compiled at the priority of requests");
        }
    });
}

/// Lowers the priority of this thread.
pub(super) fn step_back() {
    // Where it fails, compiling merely competes with requests.
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS).ok();
}
