//! The threads that compile; where requests are served meanwhile, in their place behind those.
//!
//! They are there while something is compiled, and end with it: what their allocator has
//! kept for them goes back to the machine then.

use std::num::NonZero;
use std::thread::available_parallelism;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Weight 110 to the 1024 of a thread that serves, where both want the CPU: less, and a busy
/// machine would never have done with it.
const NICENESS: i32 = 10;

/// Does `work`, which compiles before anything is served, on all CPUs.
pub fn on_all_cpus<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    on(cpus(), || (), work)
}

/// Likewise for what is dropped in while requests are served: on as many threads as keep
/// half of the CPUs busy.
pub fn beside_requests<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    on(cpus().div_ceil(2), step_back, work)
}

fn cpus() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

/// Where there are no threads to be had, it merely takes longer.
fn on<T: Send>(threads: usize, begin: fn(), work: impl FnOnce() -> T + Send) -> T {
    match pool(threads, begin) {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

fn pool(threads: usize, begin: fn()) -> Option<ThreadPool> {
    let builder = || ThreadPoolBuilder::new().thread_name(|index| format!("compile-{index}"));
    let pool = builder().num_threads(threads).start_handler(move |_| begin()).build();
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
