//! `patchboard:handler/call`, and `time-futures`.
//!
//! Which call it is about is asked at the import's entry, by the task on the stack. A task
//! that outlives its call's response keeps the call known, and with it its log lines, its
//! CPU time and who is to blame, until it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi::WasiView as _;

use super::Place;
use crate::config::Isolation;
use crate::handlers::grants::logging::{LINE_BYTES, printable};
use crate::handlers::imports::awaited::{Interface, link_both, link_futures};
use crate::handlers::over::{Over, Reason};
use crate::handlers::state::{CallRecord, State, current_record};
use crate::handlers::status::Status;

/// How long what is over may take to end.
const GRACE: Duration = Duration::from_secs(1);
/// The longest name of a task that is kept, in bytes.
const NAME_BYTES: usize = 128;

pub(in crate::handlers) fn link(linker: &mut Linker<State>, _: Isolation) -> wasmtime::Result<()> {
    link_both(linker, "call", |interface| {
        interface.resource::<Task>("task", |store, task| task.end(store))?;
        interface.function("[static]task.start", start)?;
        interface.action("[method]task.fail", fail)?;
        interface.awaited("[method]task.over", task_over, |_, reason| Ok(GuestReason::from(reason)))?;
        interface.awaited("over", over, |_, reason| Ok(GuestReason::from(reason)))?;
        interface.signal("draining", draining)
    })?;
    link_futures(linker, "time", |interface: &mut Interface<'_>| {
        interface.signal("sleep", |_, (nanoseconds,): (u64,)| {
            Ok(tokio::time::sleep(Duration::from_nanos(nanoseconds)))
        })
    })
}

/// `reason` of `call-types`.
#[derive(ComponentType, Clone, Copy, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
enum GuestReason {
    #[component(name = "client-left")]
    ClientLeft,
    #[component(name = "timed-out")]
    TimedOut,
    #[component(name = "shutting-down")]
    ShuttingDown,
    #[component(name = "done")]
    Done,
}

impl From<Reason> for GuestReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::ClientLeft => Self::ClientLeft,
            Reason::TimedOut => Self::TimedOut,
            Reason::ShuttingDown => Self::ShuttingDown,
            Reason::Done => Self::Done,
        }
    }
}

/// `task-error` of `call-types`.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum TaskError {
    #[component(name = "too-many")]
    TooMany(String),
    #[component(name = "no-call")]
    NoCall,
}

/// What a call has begun to do beside its response, or after it.
struct Task {
    state: Arc<Running>,
    place: Place,
}

/// What is known of a task while it runs.
struct Running {
    name: String,
    call: Arc<CallRecord>,
    over: Over,
    /// Whether its instance still waits for it.
    is_awaited: AtomicBool,
}

impl Task {
    /// It is done, whether or not anybody said so.
    fn end(self, mut store: StoreContextMut<'_, State>) {
        self.state.over.tell(Reason::Done);
        let state = store.data_mut();
        state.end_task(&self.state.call);
        self.state.leave(&state.status);
        drop(self.place);
    }
}

impl Running {
    /// Lets its instance end without it; whether that waited for it until now.
    fn leave(&self, status: &Status) -> bool {
        let was_awaited = self.is_awaited.swap(false, Ordering::Relaxed);
        if was_awaited {
            status.end_task();
        }
        was_awaited
    }
}

fn start(
    mut store: StoreContextMut<'_, State>,
    (name,): (String,),
) -> wasmtime::Result<Result<Resource<Task>, TaskError>> {
    let Some(call) = current_record(store.as_context_mut())? else { return Ok(Err(TaskError::NoCall)) };
    let state = store.data_mut();
    let Some(place) = state.grants.call.place() else {
        let text = "limits.after_tasks are under way; the operator may allow more".to_owned();
        return Ok(Err(TaskError::TooMany(text)));
    };
    let end = name.floor_char_boundary(NAME_BYTES);
    let name = printable(name.get(..end).unwrap_or_default());
    let is_awaited = AtomicBool::new(true);
    let running = Arc::new(Running { name, call: call.clone(), over: Over::default(), is_awaited });
    let handle = state.ctx().table.push(Task { state: running.clone(), place })?;
    call.begin_task();
    state.status.begin_task();
    tokio::spawn(watch(running, state.handler.clone(), state.status.clone(), state.grants.call.timeout));
    Ok(Ok(handle))
}

fn fail(
    mut store: StoreContextMut<'_, State>,
    (task, reason): (Resource<Task>, String),
) -> wasmtime::Result<()> {
    let state = store.data_mut();
    let task = state.ctx().table.get(&task)?.state.clone();
    let reason = printable(reason.get(..reason.floor_char_boundary(LINE_BYTES)).unwrap_or_default());
    if state.grants.logging.admit(&state.handler, reason.len() + task.name.len()) {
        let request_id = &*task.call.head.request_id;
        tracing::error!(handler = %state.handler, request_id, task = task.name, "failed: {reason}");
    }
    Ok(())
}

fn task_over(
    mut store: StoreContextMut<'_, State>,
    (task,): (Resource<Task>,),
) -> wasmtime::Result<impl Future<Output = Reason> + Send + use<>> {
    let task = store.data_mut().ctx().table.get(&task)?.state.clone();
    Ok(async move { task.over.told().await })
}

fn over(
    mut store: StoreContextMut<'_, State>,
    (): (),
) -> wasmtime::Result<impl Future<Output = Reason> + Send + use<>> {
    let call = current_record(store.as_context_mut())?;
    let status = store.data().status.clone();
    Ok(async move {
        let Some(call) = call else { return Reason::Done };
        tokio::select! {
            biased;
            reason = call.head.over.told() => reason,
            () = status.stopped() => Reason::ShuttingDown,
        }
    })
}

fn draining(
    store: StoreContextMut<'_, State>,
    (): (),
) -> wasmtime::Result<impl Future<Output = ()> + Send + use<>> {
    let status = store.data().status.clone();
    Ok(async move { status.draining().await })
}

/// Ends a task in time: tells it that it is over, and where it goes on all the same, gives
/// its instance up.
async fn watch(task: Arc<Running>, handler: Arc<str>, status: Arc<Status>, timeout: Duration) {
    let in_time = async {
        task.call.head.over.told().await;
        tokio::time::sleep(timeout).await;
    };
    let reason = tokio::select! {
        biased;
        _ = task.over.told() => return,
        () = status.stopped() => Reason::ShuttingDown,
        () = in_time => Reason::TimedOut,
    };
    let (name, request_id) = (task.name.as_str(), &*task.call.head.request_id);
    match reason {
        Reason::TimedOut => {
            tracing::warn!(%handler, request_id, task = name, "cancelled: it went over limits.after_timeout");
        }
        _ => tracing::warn!(%handler, request_id, task = name, "cancelled: the server ends"),
    }
    task.over.tell(reason);
    tokio::time::sleep(GRACE).await;
    if task.leave(&status) {
        tracing::warn!(%handler, request_id, task = name, "goes on all the same; its instance is given up");
        status.retire();
    }
}
