//! What every grant is made of.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::grants_config::GrantsConfig;
use super::shared::Shared;

/// A capability that the operator grants.
pub(in crate::handlers) trait Grant: Sized {
    /// How the names of the interfaces begin that a component imports to use it.
    const IMPORTS: &'static [&'static str];

    /// What the server has of it for all handlers together.
    type Shared: Shared;

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

    /// What the handler is given, of what is shared or for itself.
    fn grant(to: &Grantee<'_>, shared: &Self::Shared) -> Self;
}

/// What a component imports, and what its handler is configured to have.
pub(in crate::handlers) struct Wanted<'a> {
    pub(in crate::handlers) handler: &'a str,
    pub(in crate::handlers) config: &'a GrantsConfig,
    pub(in crate::handlers) imports: &'a [String],
}

/// Who is granted something.
pub(in crate::handlers) struct Grantee<'a> {
    pub(in crate::handlers) handler: &'a str,
    pub(in crate::handlers) config: &'a GrantsConfig,
    /// A permit for each outbound request at once of the handlers that share a limit with it.
    pub(in crate::handlers) outbound_calls: Option<&'a Arc<Semaphore>>,
}

impl Wanted<'_> {
    /// The imports that `belong`, as a list to read; none where there are none.
    pub(super) fn list(&self, belong: impl Fn(&str) -> bool) -> Option<String> {
        let names: Vec<_> = self.imports.iter().map(String::as_str).filter(|name| belong(name)).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Likewise of those that begin so, without their versions: which one it is has no part
    /// in what is granted.
    pub(super) fn list_of(&self, beginnings: &[&str]) -> Option<String> {
        let list = self.list(|name| begins_with_any(name, beginnings))?;
        let names = list.split(", ").map(|import| import.split('@').next().unwrap_or(import));
        Some(names.collect::<Vec<_>>().join(", "))
    }

    /// Why a shared instance does not do for the imports `list`, of which `instead` is the
    /// like that is awaited.
    pub(super) fn would_hold(&self, list: &str, instead: &str) -> String {
        let handler = self.handler;
        format!(
            "imports {list}, which would hold every call of a shared instance; \
             use {instead}, or set isolation = \"request\" or \"reuse\" in [handlers.{handler}]"
        )
    }

    /// Why it cannot be loaded without the key of its table that says what it is granted.
    pub(super) fn not_granted(&self, list: &str, key: &str) -> String {
        let (handler, verb) = (self.handler, is_or_are(list));
        format!("imports {list}, which {verb} not granted; add {key} to [handlers.{handler}]")
    }
}

pub(super) fn begins_with_any(name: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| name.starts_with(beginning))
}

pub(super) fn is_or_are(list: &str) -> &'static str {
    if list.contains(", ") { "are" } else { "is" }
}
