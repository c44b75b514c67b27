//! Tasks where no host knows of them.

use super::error::SpawnError;

type Task = std::pin::Pin<Box<dyn Future<Output = ()>>>;

pub(super) fn spawn(
    name: &str,
    future: impl Future<Output = Result<(), String>> + 'static,
) -> Result<(), SpawnError> {
    let name = name.to_owned();
    let task = async move {
        if let Err(failure) = future.await {
            tracing::error!("{name} failed: {failure}");
        }
    };
    keep(Box::pin(task));
    Ok(())
}

#[cfg(target_family = "wasm")]
fn keep(task: Task) {
    wit_bindgen::spawn_local(task);
}

#[cfg(not(target_family = "wasm"))]
thread_local! {
    static BEGUN: std::cell::RefCell<Vec<Task>> = const { std::cell::RefCell::new(Vec::new()) };
}

#[cfg(not(target_family = "wasm"))]
fn keep(task: Task) {
    BEGUN.with_borrow_mut(|begun| begun.push(task));
}

/// Waits for all tasks that were begun on this thread.
#[cfg(not(target_family = "wasm"))]
pub(crate) async fn finish() {
    while let Some(task) = BEGUN.with_borrow_mut(Vec::pop) {
        task.await;
    }
}

pub(super) async fn draining() {
    std::future::pending().await
}
