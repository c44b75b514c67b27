//! What components are linked with: all that they may import.

use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use super::component::{Kind, OWN, SERVICE};
use super::state::State;
use super::{grants, imports};
use crate::config::Isolation;

/// A linked component.
pub(super) enum Program {
    Own(InstancePre<State>, ComponentExportIndex),
    Service(InstancePre<State>, ComponentExportIndex),
    Proxy(ProxyPre<State>),
}

/// The linkers, one for each way in which calls share instances.
pub(super) struct Linkers {
    shared: Linker<State>,
    single: Linker<State>,
}

impl Linkers {
    pub(super) fn new(engine: &wasmtime::Engine) -> wasmtime::Result<Self> {
        Ok(Self { shared: linker(engine, true)?, single: linker(engine, false)? })
    }

    /// Links `component` with what there is for handlers of this isolation.
    pub(super) fn link(
        &self,
        component: &Component,
        kind: Kind,
        isolation: Isolation,
    ) -> wasmtime::Result<Program> {
        let linker = match isolation {
            Isolation::Shared => &self.shared,
            Isolation::Request | Isolation::Reuse => &self.single,
        };
        let pre = linker.instantiate_pre(component)?;
        Ok(match kind {
            Kind::Own => {
                let handle = handle(component, OWN)?;
                Program::Own(pre, handle)
            }
            Kind::Service => {
                let handle = handle(component, SERVICE)?;
                Program::Service(pre, handle)
            }
            Kind::Proxy => Program::Proxy(ProxyPre::new(pre)?),
        })
    }
}

/// Links all of WASI 0.2's and 0.3's command worlds, outbound HTTP and our own
/// imports: power comes only from what a store was granted.
fn linker(engine: &wasmtime::Engine, shared: bool) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    imports::link_response(&mut linker)?;
    if shared {
        // wasi:http 0.2 waits by blocking, so it is left out as well.
        imports::link_nonblocking(&mut linker)?;
    } else {
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    }
    grants::host::link(&mut linker, shared)?;
    Ok(linker)
}

/// The function `handle` of the exported `interface`.
fn handle(component: &Component, interface: &str) -> wasmtime::Result<ComponentExportIndex> {
    component
        .get_export_index(None, interface)
        .and_then(|interface| component.get_export_index(Some(&interface), "handle"))
        .ok_or_else(|| wasmtime::format_err!("{interface} has no function `handle`"))
}
