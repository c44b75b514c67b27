//! What the attribute `wrap` adds beside its function: the record by which the host knows that
//! there is one, and the registration by which the component finds it.

use patchboard_pattern::{Record, SECTION, WrapRecord};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Error, ItemFn, Result};

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => return Error::new_spanned(item, "`wrap` stands on a function").into_compile_error(),
    };
    // On an error the function stays, so that what uses it brings no second one.
    let registration = registration(&arguments, &function).unwrap_or_else(Error::into_compile_error);
    quote! {
        #function
        #registration
    }
}

fn registration(arguments: &TokenStream, function: &ItemFn) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(arguments, "`wrap` takes nothing: it is for all routes"));
    }
    if let Some(token) = &function.sig.asyncness {
        return Err(Error::new(
            token.span(),
            "what wraps the routes is no `async fn`: it is called once, before the first call",
        ));
    }
    let name = &function.sig.ident;
    let text = name.to_string();
    let line = WrapRecord { v: Record::VERSION, wraps: text.clone() }.line();
    let (bytes, length) = (Literal::byte_string(line.as_bytes()), line.len());
    let conditions = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    Ok(quote_spanned! {Span::mixed_site()=>
        #(#conditions)*
        const _: () = {
            #[cfg(target_family = "wasm")]
            #[used]
            #[unsafe(link_section = #SECTION)]
            static RECORD: [u8; #length] = *#bytes;

            ::patchboard::__private::inventory::submit! {
                ::patchboard::__private::WrapEntry { name: #text, wrap: #name }
            }
        };
    })
}
