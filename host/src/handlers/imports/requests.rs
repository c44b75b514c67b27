//! The requests of `wasi:http` that a guest makes: their method and their authority, which
//! the stock types keep in any length, are held to what a head may have. All else of them is
//! the stock implementation.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types as types_0_2;
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::p3::Request;
use wasmtime_wasi_http::p3::bindings::http::types as types_0_3;
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView as _};

use crate::handlers::state::State;

const TYPES_0_2: &str = "wasi:http/types@0.2.12";
const TYPES_0_3: &str = "wasi:http/types@0.3.0";
/// As long as the first line of a request that comes in.
const MOST_BYTES: usize = 8 << 10;

/// Puts ours in the place of the stock ones of 0.2.
pub(in crate::handlers) fn link_0_2(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let method = |method: &types_0_2::Method| match method {
        types_0_2::Method::Other(method) => method.len(),
        _ => 0,
    };
    let of = |name: &'static str| (TYPES_0_2, name);
    set(linker, of("[method]outgoing-request.set-method"), method, |http, request, method| {
        types_0_2::HostOutgoingRequest::set_method(http, request as Resource<HostOutgoingRequest>, method)
    })?;
    set(linker, of("[method]outgoing-request.set-authority"), length, |http, request, authority| {
        types_0_2::HostOutgoingRequest::set_authority(
            http,
            request as Resource<HostOutgoingRequest>,
            authority,
        )
    })
}

/// Likewise of 0.3.
pub(in crate::handlers) fn link_0_3(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let method = |method: &types_0_3::Method| match method {
        types_0_3::Method::Other(method) => method.len(),
        _ => 0,
    };
    let of = |name: &'static str| (TYPES_0_3, name);
    set(linker, of("[method]request.set-method"), method, |http, request, method| {
        types_0_3::HostRequest::set_method(http, request as Resource<Request>, method)
    })?;
    set(linker, of("[method]request.set-authority"), length, |http, request, authority| {
        types_0_3::HostRequest::set_authority(http, request as Resource<Request>, authority)
    })
}

/// What a stock function comes to.
type Outcome = wasmtime::Result<Result<(), ()>>;

fn length(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}

/// Links a function that sets a part of a request, if that is not too long.
fn set<R, V>(
    linker: &mut Linker<State>,
    (types, name): (&str, &str),
    length: fn(&V) -> usize,
    run: fn(&mut WasiHttpCtxView<'_>, Resource<R>, V) -> Outcome,
) -> wasmtime::Result<()>
where
    R: Send + 'static,
    V: ComponentType + Lift + Send + Sync + 'static,
{
    linker.allow_shadowing(true);
    linker.instance(types)?.func_wrap(
        name,
        move |mut store: StoreContextMut<'_, State>, (request, value): (Resource<R>, V)| {
            if length(&value) > MOST_BYTES {
                return Ok((Err(()),));
            }
            Ok((run(&mut store.data_mut().http(), request, value)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}
