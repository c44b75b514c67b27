//! The threads that compile, in their place behind those that serve.
//!
//! They are there while something is compiled, and end with it: what their allocator has
//! kept for them goes back to the machine then.

use std::num::NonZero;
use std::thread::available_parallelism;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Weight 15 to the 1024 of a thread that serves, where both want the CPU.
const NICENESS: i32 = 19;

/// Does `work`, which compiles, on all CPUs.
pub fn on_all_cpus<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    on(cpus(), work)
}

/// Likewise for what is dropped in while requests are served: on as many threads as keep
/// half of the CPUs busy.
pub fn beside_requests<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    on(cpus().div_ceil(2), work)
}

fn cpus() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

/// Where there are no threads to be had, it merely takes longer.
fn on<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    match pool(threads) {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

fn pool(threads: usize) -> Option<ThreadPool> {
    let builder = || ThreadPoolBuilder::new().thread_name(|index| format!("compile-{index}"));
    let pool = builder().num_threads(threads).start_handler(|_| step_back()).build();
    let error = match pool {
        Ok(pool) => return Some(pool),
        Err(error) => error,
    };
    tracing::warn!(%error, "components are compiled by one thread, at the priority of requests");
    // Else rayon would try to start its global threads, and panic.
    builder().num_threads(1).use_current_thread().build().ok()
}

/// Lowers the priority of this thread.
fn step_back() {
    // Where it fails, compiling merely competes with requests.
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS).ok();
}
