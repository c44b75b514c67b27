//! `patchboard:handler/routing`: the matched route, for components that are called
//! through `wasi:http`.
//!
//! The current task is asked for at the import's entry, so the answer is right also
//! where calls overlap in one instance.

use wasmtime::AsContextMut as _;
use wasmtime::component::{Access, HasSelf};

use super::bindings::routing::{Host, HostWithStore};
use super::bindings::types;
use super::state::State;

impl types::Host for State {}
impl Host for State {}

impl HostWithStore<State> for HasSelf<State> {
    fn current_route(mut access: Access<'_, State, Self>) -> wasmtime::Result<Option<types::MatchedRoute>> {
        let call = access.as_context_mut().async_call_stack()?.last();
        let call = call.and_then(|task| access.get().calls.get(&task).cloned());
        Ok(call.map(|call| (&call.head.route).into()))
    }
}
