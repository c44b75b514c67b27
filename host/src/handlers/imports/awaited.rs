//! Functions that a guest waits for, each in two forms: `X` has it as one that is awaited,
//! `X-futures` as one that returns a future, for runtimes that can only read one. What is
//! done is the same.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::task::JoinHandle;
use wasmtime::component::{
    ComponentNamedList, FutureProducer, FutureReader, Lift, Linker, LinkerInstance, Lower, Resource,
    ResourceType,
};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi::WasiView as _;

use super::weight::Weight;
use crate::handlers::component::VERSION;
use crate::handlers::grants::held::End;
use crate::handlers::memory::{Charge, OverMemory};
use crate::handlers::state::{State, current_record};

/// An interface of ours that is being linked.
pub(in crate::handlers) struct Interface<'a> {
    instance: LinkerInstance<'a, State>,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Awaited,
    Future,
}

/// Links `patchboard:handler/NAME` and `NAME-futures`.
pub(in crate::handlers) fn link_both(
    linker: &mut Linker<State>,
    name: &str,
    link: impl Fn(&mut Interface<'_>) -> wasmtime::Result<()>,
) -> wasmtime::Result<()> {
    let instance = linker.instance(&format!("patchboard:handler/{name}@{VERSION}"))?;
    link(&mut Interface { instance, form: Form::Awaited })?;
    link_futures(linker, name, link)
}

/// Links `patchboard:handler/NAME-futures` alone, where another package has what is awaited.
pub(in crate::handlers) fn link_futures(
    linker: &mut Linker<State>,
    name: &str,
    link: impl Fn(&mut Interface<'_>) -> wasmtime::Result<()>,
) -> wasmtime::Result<()> {
    let instance = linker.instance(&format!("patchboard:handler/{name}-futures@{VERSION}"))?;
    link(&mut Interface { instance, form: Form::Future })
}

impl Interface<'_> {
    /// A resource that ends with `end`.
    pub(in crate::handlers) fn resource<T: Send + 'static>(
        &mut self,
        name: &str,
        end: impl Fn(StoreContextMut<'_, State>, T) + Send + Sync + 'static,
    ) -> wasmtime::Result<()> {
        self.instance.resource(name, ResourceType::host::<T>(), move |mut store, handle| {
            let ended = store.data_mut().ctx().table.delete(Resource::<T>::new_own(handle))?;
            end(store, ended);
            Ok(())
        })
    }

    /// A function that never waits.
    pub(in crate::handlers) fn function<P, T>(
        &mut self,
        name: &str,
        run: impl Fn(StoreContextMut<'_, State>, P) -> wasmtime::Result<T> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        T: Lower + Send + Sync + 'static,
    {
        self.instance.func_wrap(name, move |store, parameters: P| Ok((run(store, parameters)?,)))
    }

    /// A function that never waits, and gives nothing.
    pub(in crate::handlers) fn action<P: ComponentNamedList + Lift + 'static>(
        &mut self,
        name: &str,
        run: impl Fn(StoreContextMut<'_, State>, P) -> wasmtime::Result<()> + Send + Sync + 'static,
    ) -> wasmtime::Result<()> {
        self.instance.func_wrap(name, move |store, parameters: P| run(store, parameters))
    }

    /// A function that waits, and gives nothing.
    pub(in crate::handlers) fn signal<P, F>(
        &mut self,
        name: &str,
        begin: impl Fn(StoreContextMut<'_, State>, P) -> wasmtime::Result<F> + Copy + Send + Sync + 'static,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + Weight + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        if self.form == Form::Future {
            // Not every runtime can read a future that has no value.
            return self.awaited(name, begin, |_, ()| Ok(true));
        }
        self.instance.func_wrap_concurrent(name, move |accessor, parameters: P| {
            let begun = accessor.with(|mut access| begin(access.as_context_mut(), parameters));
            Box::pin(async move {
                begun?.await;
                Ok(())
            })
        })
    }

    /// A function that waits: `begin` is asked at the import's entry, when the guest's task
    /// is on the stack; what its future comes to is made the guest's by `finish`. What the
    /// guest has handed over, and what it has not read, counts as memory of its instance.
    pub(in crate::handlers) fn awaited<P, F, T>(
        &mut self,
        name: &str,
        begin: impl Fn(StoreContextMut<'_, State>, P) -> wasmtime::Result<F> + Copy + Send + Sync + 'static,
        finish: fn(StoreContextMut<'_, State>, F::Output) -> wasmtime::Result<T>,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + Weight + Send + Sync + 'static,
        F: Future + Send + 'static,
        F::Output: Weight + Send + 'static,
        T: Lower + Lift + Send + Sync + 'static,
    {
        if self.form == Form::Future {
            return self.instance.func_wrap(name, move |mut store, parameters: P| {
                let handed = store.data_mut().memory.hold(parameters.weight())?;
                let outcome = begin(store.as_context_mut(), parameters)?;
                let later = Later::begin(store.as_context_mut(), outcome, handed, finish)?;
                Ok((FutureReader::new(store, later)?,))
            });
        }
        self.instance.func_wrap_concurrent(name, move |accessor, parameters: P| {
            let begun = accessor.with(|mut access| {
                let handed = access.get().memory.hold(parameters.weight())?;
                Ok((begin(access.as_context_mut(), parameters)?, handed))
            });
            Box::pin(async move {
                let (outcome, handed): (F, Charge) = match begun {
                    Ok(begun) => begun,
                    Err(error) => return Err(error),
                };
                let outcome = outcome.await;
                drop(handed);
                let result = accessor.with(|mut access| finish(access.as_context_mut(), outcome))?;
                Ok((result,))
            })
        })
    }
}

/// What comes of a function, for a guest's future. It is done meanwhile, and given up where
/// the guest drops the future, or its call ends.
struct Later<O, T> {
    outcome: Arc<Mutex<Option<Doing<Come<O>>>>>,
    finish: fn(StoreContextMut<'_, State>, O) -> wasmtime::Result<T>,
    _counted: Arc<()>,
}

/// What has come, until the guest reads it; nothing where there is no room for it.
type Come<O> = Result<(O, Charge), OverMemory>;

/// Given up where it is dropped.
struct Doing<O>(JoinHandle<O>);

impl<O: Weight + Send + 'static, T> Later<O, T> {
    /// # Errors
    ///
    /// If the instance has too many of them.
    fn begin(
        mut store: StoreContextMut<'_, State>,
        outcome: impl Future<Output = O> + Send + 'static,
        handed: Charge,
        finish: fn(StoreContextMut<'_, State>, O) -> wasmtime::Result<T>,
    ) -> wasmtime::Result<Self> {
        let call = current_record(store.as_context_mut())?;
        let state = store.data_mut();
        if Arc::strong_count(&state.futures) > state.most_futures {
            wasmtime::bail!(
                "the instance holds too many futures of the host (limits.handles); read or drop some"
            );
        }
        let account = state.memory.account().clone();
        let outcome = async move {
            let outcome = outcome.await;
            drop(handed);
            Charge::new(&account, outcome.weight()).map(|held| (outcome, held))
        };
        let outcome = Arc::new(Mutex::new(Some(Doing(tokio::spawn(outcome)))));
        if let Some(call) = call {
            let held: Arc<dyn End> = outcome.clone();
            call.end_with(Arc::downgrade(&held));
        }
        Ok(Self { outcome, finish, _counted: state.futures.clone() })
    }
}

impl<O, T> FutureProducer<State> for Later<O, T>
where
    O: Send + 'static,
    T: Send + Sync + 'static,
{
    type Item = T;

    fn poll_produce(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, State>,
        finish: bool,
    ) -> Poll<wasmtime::Result<Option<T>>> {
        let outcome = match &mut *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Doing(outcome)) => Pin::new(outcome).poll(cx),
            // Its call has ended, and nobody is to know any more.
            None => Poll::Pending,
        };
        match outcome {
            Poll::Ready(outcome) => {
                let (outcome, _held) = outcome??;
                Poll::Ready((self.finish)(store, outcome).map(Some))
            }
            Poll::Pending if finish => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<O> Drop for Doing<O> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Gives the guest what a function came to, which is in its types already.
pub(in crate::handlers) fn as_it_is<T>(_: StoreContextMut<'_, State>, outcome: T) -> wasmtime::Result<T> {
    Ok(outcome)
}
