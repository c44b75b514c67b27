//! The route attributes of the Patchboard SDK: `#[get("/")]`, `#[post("/x/{name}")]`, …
//!
//! Each attribute leaves the author's function as it is and adds two things
//! beside it: a line in the component's `patchboard:routes` custom section,
//! which the host reads without running the component ([`patchboard_pattern::Record`]), and an
//! entry in the table by which the component itself finds the function when it
//! is called (`handler`). Whatever is wrong with the attribute or with the
//! function is reported at the author's own line.
//!
//! Use them through the `patchboard` crate, which re-exports them.

mod arguments;
mod handler;
mod wrap;

use arguments::{FixedMethod, FreeMethod};
use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Defines one attribute for a method that has its own name.
macro_rules! method_attribute {
    ($attribute:ident, $method:literal) => {
        #[doc = concat!("Makes a function the handler of `", $method, "` requests whose path matches the pattern.")]
        ///
        #[doc = concat!("`#[", stringify!($attribute), "(\"/pattern\")]`, or with a name for the route other than the")]
        #[doc = concat!("function's: `#[", stringify!($attribute), "(\"/pattern\", name = \"other\")]`.")]
        #[proc_macro_attribute]
        pub fn $attribute(arguments: TokenStream, item: TokenStream) -> TokenStream {
            let arguments = parse_macro_input!(arguments as FixedMethod);
            handler::expand(arguments.with_method($method), item.into()).into()
        }
    };
}

method_attribute!(get, "GET");
method_attribute!(post, "POST");
method_attribute!(put, "PUT");
method_attribute!(delete, "DELETE");
method_attribute!(patch, "PATCH");
method_attribute!(head, "HEAD");
method_attribute!(options, "OPTIONS");

method_attribute!(any, "*");

/// Makes a function the handler of requests with any method, also one of no
/// standard: `#[route("PROPFIND", "/files/{*path}")]`.
#[proc_macro_attribute]
pub fn route(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as FreeMethod);
    handler::expand(arguments.into_route(), item.into()).into()
}

/// Makes a function the one that wraps all routes of the component, also those that are added
/// later: `fn all(routes: Routes) -> Routes`, of `patchboard::middleware`.
///
/// A component has one at most. It is called once in each instance.
#[proc_macro_attribute]
pub fn wrap(arguments: TokenStream, item: TokenStream) -> TokenStream {
    wrap::expand(arguments.into(), item.into()).into()
}
