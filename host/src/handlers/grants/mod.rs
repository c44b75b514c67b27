//! What a handler can be granted: a folder a capability, and the list of them.
//!
//! A folder's `keys` are what the configuration says of it; its `mod.rs` says which imports
//! need the grant, and what a handler is given; its `host` has what a guest can call.
//! Another one is a folder and a line of the list.

pub(crate) mod blob;
pub(crate) mod call;
pub(super) mod config;
pub(super) mod environment;
mod grant;
pub(crate) mod grants_config;
pub(super) mod held;
pub(super) mod host;
pub(crate) mod key_value;
mod list;
pub(super) mod logging;
pub(super) mod outbound;
pub(super) mod routing;
pub(crate) mod shared;
pub(crate) mod shared_grants;
pub(crate) mod sql;

use self::grant::{Grant, begins_with_any, is_or_are};
pub(super) use self::grant::{Grantee, Wanted};
use self::list::for_each_grant;
use self::shared_grants::SharedGrants;

macro_rules! grants {
    ($($name:ident: $grant:ident,)*) => {
        /// All that a handler was granted.
        pub(super) struct Grants {
            $(pub(super) $name: $name::$grant,)*
        }

        impl Grants {
            /// What the handler is given.
            pub(super) fn new(to: &Grantee<'_>, shared: &SharedGrants) -> Self {
                Self { $($name: $name::$grant::grant(to, &shared.$name),)* }
            }

            /// The grant that gives an import something to work on, if it is of one.
            pub(super) fn named(import: &str) -> Option<&'static str> {
                let all = [$((stringify!($name), $name::$grant::IMPORTS),)*];
                all.into_iter().find(|(_, of)| begins_with_any(import, of)).map(|(name, _)| name)
            }

            /// Refuses imports that were not granted, and those that nobody can be granted.
            ///
            /// # Errors
            ///
            /// The first of them, and the remedy.
            pub(super) fn check(wanted: &Wanted<'_>) -> Result<(), String> {
                let offered = [WORLD, $($name::$grant::IMPORTS,)*];
                let is_unknown = |name: &str| !offered.iter().any(|of| begins_with_any(name, of));
                if let Some(unknown) = wanted.list(is_unknown) {
                    let verb = is_or_are(&unknown);
                    return Err(format!(
                        "imports {unknown}, which {verb} not granted, and which this host does not \
                         offer; build it without"
                    ));
                }
                $($name::$grant::check(wanted)?;)*
                Ok(())
            }

            /// Refuses what would hold every call of a shared instance.
            ///
            /// # Errors
            ///
            /// The first of it, and the remedy.
            pub(super) fn check_shared(wanted: &Wanted<'_>) -> Result<(), String> {
                $($name::$grant::check_shared(wanted)?;)*
                Ok(())
            }

            /// Whether something of what is imported holds its instance while it waits.
            pub(super) fn hold(wanted: &Wanted<'_>) -> bool {
                [$($name::$grant::holds(wanted),)*].contains(&true)
            }
        }
    };
}
for_each_grant!(grants);

/// What every component may import, since it gives no power by itself: toolchains import far
/// more than they use.
const WORLD: &[&str] = &[
    "patchboard:handler/types@",
    "patchboard:handler/key-value-types@",
    "patchboard:handler/sql-types@",
    "patchboard:handler/blob-types@",
    "patchboard:handler/outbound-types@",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:http/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];
