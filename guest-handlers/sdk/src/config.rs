//! Values that the operator has given this handler, through `wasi:config`.
//!
//! They are in the server's configuration, `[handlers.NAME.config]`; secrets come the
//! same way. A value that changes comes with a new version of the handler, so that one
//! that was read stays right.
//!
//! ```
//! use patchboard::{config, get};
//!
//! #[get("/greeting")]
//! async fn greeting() -> String {
//!     config::get("greeting").unwrap_or_else(|| "hello".to_owned())
//! }
//! # patchboard::testing::set_config([("greeting", "welcome")]);
//! # assert_eq!(config::get("greeting").as_deref(), Some("welcome"));
//! # assert_eq!(config::get("other"), None);
//! # assert_eq!(config::all().len(), 1);
//! ```

/// The value of `key`, if the operator has given one.
///
/// A host that cannot say, which Patchboard never is, counts as having none; the log
/// then says why.
pub fn get(key: &str) -> Option<String> {
    backend::get(key).unwrap_or_else(|error| {
        tracing::error!("no value for {key}: {error}");
        None
    })
}

/// All keys and their values.
pub fn all() -> Vec<(String, String)> {
    backend::all().unwrap_or_else(|error| {
        tracing::error!("no configuration: {error}");
        Vec::new()
    })
}

#[cfg(target_family = "wasm")]
mod bindings;

#[cfg(target_family = "wasm")]
mod backend {
    use super::bindings::wasi::config::store::{self, Error};

    pub(super) fn get(key: &str) -> Result<Option<String>, String> {
        store::get(key).map_err(text)
    }

    pub(super) fn all() -> Result<Vec<(String, String)>, String> {
        store::get_all().map_err(text)
    }

    fn text(error: Error) -> String {
        match error {
            Error::Upstream(text) | Error::Io(text) => text,
        }
    }
}

/// For tests on the machine a handler is developed on.
#[cfg(not(target_family = "wasm"))]
pub(crate) mod backend {
    use std::cell::RefCell;
    use std::convert::Infallible;

    thread_local! {
        static VALUES: RefCell<Vec<(String, String)>> = const { RefCell::new(Vec::new()) };
    }

    pub(crate) fn set(values: Vec<(String, String)>) {
        VALUES.set(values);
    }

    pub(super) fn get(key: &str) -> Result<Option<String>, Infallible> {
        let find = |values: &Vec<(String, String)>| {
            values.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
        };
        Ok(VALUES.with_borrow(find))
    }

    pub(super) fn all() -> Result<Vec<(String, String)>, Infallible> {
        Ok(VALUES.with_borrow(Clone::clone))
    }
}
