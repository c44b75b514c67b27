//! `wasi:config` for guests.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Linker, Lower};

use crate::config::Isolation;
use crate::handlers::state::State;

/// The interface of the proposal, and its version before that.
const INTERFACES: [&str; 2] = ["wasi:config/store@0.2.0-rc.1", "wasi:config/store@0.2.0-draft"];

/// `error` of `wasi:config/store`. Nothing can fail here, since all is known already.
#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "none is ever made")]
enum Error {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

type Found = Result<Option<String>, Error>;
type All = Result<Vec<(String, String)>, Error>;

pub(in crate::handlers) fn link(linker: &mut Linker<State>, _: Isolation) -> wasmtime::Result<()> {
    for interface in INTERFACES {
        let mut instance = linker.instance(interface)?;
        instance.func_wrap("get", get)?;
        instance.func_wrap("get-all", get_all)?;
    }
    Ok(())
}

fn get(store: StoreContextMut<'_, State>, (key,): (String,)) -> wasmtime::Result<(Found,)> {
    let found = store.data().grants.config.0.iter().find(|(name, _)| *name == key);
    Ok((Ok(found.map(|(_, value)| value.reveal().to_owned())),))
}

fn get_all(store: StoreContextMut<'_, State>, (): ()) -> wasmtime::Result<(All,)> {
    let all = store.data().grants.config.0.iter();
    Ok((Ok(all.map(|(name, value)| (name.clone(), value.reveal().to_owned())).collect()),))
}
