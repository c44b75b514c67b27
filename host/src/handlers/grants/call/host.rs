//! `patchboard:handler/call`, and `time-futures`.
//!
//! Which call it is about is asked at the import's entry, by the task on the stack. A task
//! that outlives its call's response keeps the call known, and with it its log lines, its
//! CPU time and who is to blame, until it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource, ResourceTableError};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi::WasiView as _;

use super::Place;
use crate::config::Isolation;
use crate::handlers::grants::logging::{LINE_BYTES, cut};
use crate::handlers::imports::awaited::{Interface, link_both, link_futures};
use crate::handlers::imports::weight::weightless;
use crate::handlers::over::{Over, Reason};
use crate::handlers::state::{CallRecord, State, current_record};
use crate::handlers::status::Status;
use crate::printable::printable;

/// How long what is over may take to end.
const GRACE: Duration = Duration::from_secs(1);
/// The longest name of a task that is kept, in bytes.
const NAME_BYTES: usize = 128;

pub(in crate::handlers) fn link(linker: &mut Linker<State>, _: Isolation) -> wasmtime::Result<()> {
    link_both(linker, "call", |interface| {
        interface.resource::<Task>("task", |store, mut task| task.end(store))?;
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

weightless!(Reason);

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
    /// Until it has failed.
    place: Option<Place>,
}

/// What is known of a task while it runs.
struct Running {
    name: Arc<str>,
    call: Arc<CallRecord>,
    over: Over,
    status: Arc<Status>,
    /// Whether its instance still waits for it.
    is_awaited: AtomicBool,
}

impl Task {
    /// It is done, whether or not anybody said so.
    fn end(&mut self, mut store: StoreContextMut<'_, State>) {
        if self.place.take().is_some() {
            store.data_mut().end_task(&self.state.call, &self.state.name);
        }
    }
}

impl Drop for Task {
    /// Also where its store has ended.
    fn drop(&mut self) {
        self.state.over.tell(Reason::Done);
        self.state.leave();
    }
}

impl Running {
    /// Lets its instance end without it; whether that waited for it until now.
    fn leave(&self) -> bool {
        let was_awaited = self.is_awaited.swap(false, Ordering::Relaxed);
        if was_awaited {
            self.status.end_task();
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
    let too_many = |limit: &str| Ok(Err(TaskError::TooMany(format!("{limit}; the operator may allow more"))));
    if call.head.over.reason().is_some() && call.over_since().elapsed() >= state.grants.call.timeout {
        return too_many("limits.after_timeout is over");
    }
    let Some(place) = state.grants.call.place() else {
        return too_many("limits.after_tasks are under way");
    };
    let name: Arc<str> = printable(cut(&name, NAME_BYTES)).into();
    let running = Arc::new(Running {
        name: name.clone(),
        call: call.clone(),
        over: Over::default(),
        status: state.status.clone(),
        is_awaited: AtomicBool::new(true),
    });
    state.status.begin_task();
    let handle = match state.ctx().table.push(Task { state: running.clone(), place: Some(place) }) {
        Ok(handle) => handle,
        Err(ResourceTableError::Full) => return too_many("limits.handles resources are held"),
        Err(error) => return Err(error.into()),
    };
    call.begin_task(name);
    tokio::spawn(watch(running, state.handler.clone(), state.grants.call.timeout));
    Ok(Ok(handle))
}

fn fail(
    mut store: StoreContextMut<'_, State>,
    (task, reason): (Resource<Task>, String),
) -> wasmtime::Result<()> {
    let state = store.data_mut();
    let task = state.ctx().table.get_mut(&task)?;
    let (running, was_under_way) = (task.state.clone(), task.place.take().is_some());
    if !was_under_way {
        // It has said so before.
        return Ok(());
    }
    let reason = cut(&reason, LINE_BYTES);
    if state.grants.logging.admit(&state.handler, reason.len() + running.name.len()) {
        let (handler, request_id) = (&state.handler, &*running.call.head.request_id);
        tracing::error!(%handler, request_id, task = &*running.name, "failed: {reason}");
    }
    running.over.tell(Reason::Done);
    running.leave();
    state.end_task(&running.call, &running.name);
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
async fn watch(task: Arc<Running>, handler: Arc<str>, timeout: Duration) {
    let in_time = async {
        task.call.head.over.told().await;
        tokio::time::sleep(timeout.saturating_sub(task.call.over_since().elapsed())).await;
    };
    let reason = tokio::select! {
        biased;
        _ = task.over.told() => return,
        () = task.status.stopped() => Reason::ShuttingDown,
        () = in_time => Reason::TimedOut,
    };
    let (name, request_id) = (&*task.name, &*task.call.head.request_id);
    match reason {
        Reason::TimedOut => {
            tracing::warn!(%handler, request_id, task = name, "cancelled: it went over limits.after_timeout");
        }
        _ => tracing::warn!(%handler, request_id, task = name, "cancelled: the server ends"),
    }
    task.over.tell(reason);
    tokio::time::sleep(GRACE).await;
    if task.leave() {
        tracing::warn!(%handler, request_id, task = name, "goes on all the same; its instance is given up");
        task.status.retire();
    }
}
