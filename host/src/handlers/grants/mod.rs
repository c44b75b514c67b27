//! What a handler can be granted: a folder a capability, and the list of them.
//!
//! A folder's `mod.rs` says which imports need the grant, what is missing of it in a
//! configuration, and what a handler is given; its `host` has what a guest can call.
//! Another one is a folder and a line of the list.

pub(super) mod config;
pub(super) mod environment;
pub(super) mod host;
pub(super) mod key_value;
pub(super) mod logging;
pub(super) mod outbound;
pub(super) mod routing;
pub(super) mod sql;

use std::sync::{Arc, OnceLock, Weak};

use patchboard_key_value::Stores;

use self::routing::Urls;
use super::databases::Databases;
use crate::config::{HandlerConfig, Limits};

/// The list: a line a grant, its folder and the type of what a handler is given.
macro_rules! for_each_grant {
    ($use:ident) => {
        $use! {
            environment: Environment,
            outbound: Origins,
            config: Values,
            logging: Log,
            routing: Routing,
            key_value: Buckets,
            sql: Granted,
        }
    };
}
use for_each_grant;

/// A capability that the operator grants.
pub(super) trait Grant: Sized {
    /// How the names of the interfaces begin that a component imports to use it.
    const IMPORTS: &'static [&'static str];

    /// Whether what is imported of it holds its instance while it waits, so that a handler
    /// takes one call at a time unless it is configured otherwise.
    fn holds(_: &Wanted<'_>) -> bool {
        false
    }

    /// Refuses a component that imports what its configuration does not grant.
    ///
    /// # Errors
    ///
    /// What is missing, and how it is granted.
    fn check(_: &Wanted<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Refuses what would hold every call of a shared instance.
    ///
    /// # Errors
    ///
    /// What that is, and the remedy.
    fn check_shared(_: &Wanted<'_>) -> Result<(), String> {
        Ok(())
    }

    /// What the handler is given.
    fn grant(to: &Grantee<'_>) -> Self;
}

/// What a component imports, and what its handler is configured to have.
pub(super) struct Wanted<'a> {
    pub(super) handler: &'a str,
    pub(super) config: &'a HandlerConfig,
    pub(super) imports: &'a [String],
}

/// Who is granted something.
pub(super) struct Grantee<'a> {
    pub(super) handler: &'a str,
    pub(super) config: &'a HandlerConfig,
    pub(super) limits: &'a Limits,
    pub(super) shared: &'a Shared,
}

/// What the server has of the capabilities, for all handlers together.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) stores: Stores,
    pub(super) databases: Arc<Databases>,
    /// Of the site; gone at the end of the process, and not there yet at its start.
    pub(super) urls: Arc<OnceLock<Weak<dyn Urls>>>,
}

impl Wanted<'_> {
    /// The imports that `belong`, as a list to read; none where there are none.
    fn list(&self, belong: impl Fn(&str) -> bool) -> Option<String> {
        let names: Vec<_> = self.imports.iter().map(String::as_str).filter(|name| belong(name)).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Likewise of those that begin so, without their versions: which one it is has no part
    /// in what is granted.
    fn list_of(&self, beginnings: &[&str]) -> Option<String> {
        let list = self.list(|name| begins_with_any(name, beginnings))?;
        let names = list.split(", ").map(|import| import.split('@').next().unwrap_or(import));
        Some(names.collect::<Vec<_>>().join(", "))
    }

    /// Why a shared instance does not do for the imports `list`, of which `instead` is the
    /// like that is awaited.
    fn would_hold(&self, list: &str, instead: &str) -> String {
        let handler = self.handler;
        format!(
            "imports {list}, which would hold every call of a shared instance; \
             use {instead}, or set isolation = \"request\" or \"reuse\" in [handlers.{handler}]"
        )
    }

    /// Why it cannot be loaded without the key of its table that says what it is granted.
    fn not_granted(&self, list: &str, key: &str) -> String {
        let (handler, verb) = (self.handler, is_or_are(list));
        format!("imports {list}, which {verb} not granted; add {key} to [handlers.{handler}]")
    }
}

fn begins_with_any(name: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| name.starts_with(beginning))
}

fn is_or_are(list: &str) -> &'static str {
    if list.contains(", ") { "are" } else { "is" }
}

macro_rules! grants {
    ($($name:ident: $grant:ident,)*) => {
        /// All that a handler was granted.
        pub(super) struct Grants {
            $(pub(super) $name: $name::$grant,)*
        }

        impl Grants {
            /// What the handler is given.
            pub(super) fn new(to: &Grantee<'_>) -> Self {
                Self { $($name: $name::$grant::grant(to),)* }
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
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:http/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];
