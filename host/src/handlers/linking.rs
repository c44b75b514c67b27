//! What components are linked with: all that they may import.

use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use super::component::{Kind, OWN, SERVICE};
use super::grants;
use super::state::State;
use crate::config::Isolation;

/// A linked component.
pub(super) enum Program {
    Own(InstancePre<State>, ComponentExportIndex),
    Service(InstancePre<State>, ComponentExportIndex),
    Proxy(ProxyPre<State>),
}

impl Program {
    /// What was linked.
    pub(super) fn component(&self) -> &Component {
        match self {
            Self::Own(pre, _) | Self::Service(pre, _) => pre.component(),
            Self::Proxy(pre) => pre.instance_pre().component(),
        }
    }
}

/// The linkers, one for each way in which calls share instances.
pub(super) struct Linkers {
    shared: Linker<State>,
    single: Linker<State>,
}

impl Linkers {
    pub(super) fn new(engine: &wasmtime::Engine) -> wasmtime::Result<Self> {
        Ok(Self { shared: linker(engine, Isolation::Shared)?, single: linker(engine, Isolation::Reuse)? })
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

fn linker(engine: &wasmtime::Engine, isolation: Isolation) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    grants::host::link(&mut linker, isolation)?;
    Ok(linker)
}

/// The function `handle` of the exported `interface`.
fn handle(component: &Component, interface: &str) -> wasmtime::Result<ComponentExportIndex> {
    component
        .get_export_index(None, interface)
        .and_then(|interface| component.get_export_index(Some(&interface), "handle"))
        .ok_or_else(|| wasmtime::format_err!("{interface} has no function `handle`"))
}
