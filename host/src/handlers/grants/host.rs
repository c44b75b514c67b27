//! What guests can call: the host functions of all grants, for a linker.

use wasmtime::component::Linker;

use super::list::for_each_grant;
use crate::config::Isolation;
use crate::handlers::state::State;

macro_rules! link_all {
    ($($name:ident: $grant:ident,)*) => {
        /// Links all of it, for handlers of this isolation: power comes only from what a store
        /// was granted.
        pub(in crate::handlers) fn link(
            linker: &mut Linker<State>,
            isolation: Isolation,
        ) -> wasmtime::Result<()> {
            $(super::$name::host::link(linker, isolation)?;)*
            Ok(())
        }
    };
}
for_each_grant!(link_all);
