//! What an attribute adds beside the function it stands on.
//!
//! Comes in: the checked arguments and the function. Goes out: the function,
//! unchanged, and one anonymous constant that holds its route's record, a plain
//! function that runs the extractors, the handler and the conversion of its
//! answer, and the registration of both.
//!
//! The calls of extractors are written out, instead of asking axum's `Handler`
//! trait for them, so that each can carry the span of the type it is for: that a
//! type is no extractor is said at that type. It also leaves out `Send`,
//! which nothing in a component needs.

use crate::arguments::RouteArguments;
use patchboard_pattern::{Record, SECTION};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Error, FnArg, ItemFn, Result, ReturnType, Type};

/// Extractors that take the body, and with it the request, so that nothing can
/// be extracted after them. Only to say so more plainly than the compiler would.
const BODY_EXTRACTORS: [&str; 8] =
    ["Body", "Bytes", "Form", "Json", "Multipart", "RawForm", "Request", "String"];

pub(crate) fn expand(route: RouteArguments, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let error =
                Error::new_spanned(item, "a route attribute stands on a function").into_compile_error();
            return error;
        }
    };
    // On an error the function stays, so that what uses it brings no second one.
    let registration = registration(&route, &function).unwrap_or_else(Error::into_compile_error);
    quote! {
        #function
        #registration
    }
}

fn registration(route: &RouteArguments, function: &ItemFn) -> Result<TokenStream> {
    check_signature(function)?;
    let arguments = argument_types(function)?;

    let function_name = &function.sig.ident;
    let RouteArguments { method, pattern, name } = route;
    let name = match name {
        Some(name) => name.clone(),
        None => function_name.to_string().trim_start_matches("r#").to_owned(),
    };
    let (before_id, after_id) = (Record::before_id(method, pattern, &name), Record::AFTER_ID);
    let function_text = function_name.to_string();
    // A function that is compiled out takes its route with it.
    let conditions = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let body = call_body(function, &arguments);

    Ok(quote_spanned! {Span::mixed_site()=>
        #(#conditions)*
        const _: () = {
            // Two functions are never at one place with one name, method and pattern.
            const ID: u64 = ::patchboard::__private::route_id(
                &[
                    ::core::module_path!(),
                    match ::core::option_env!("CARGO_PKG_VERSION") {
                        ::core::option::Option::Some(version) => version,
                        ::core::option::Option::None => "",
                    },
                    #function_text,
                    #method,
                    #pattern,
                ],
                ::core::line!(),
                ::core::column!(),
            );

            // Custom sections exist only in WebAssembly; elsewhere (unit tests)
            // the record is not needed.
            #[cfg(target_family = "wasm")]
            #[used]
            #[unsafe(link_section = #SECTION)]
            static RECORD: [u8; ::patchboard::__private::record_len(#before_id, ID, #after_id)] =
                ::patchboard::__private::record(#before_id, ID, #after_id);

            fn wants() -> ::patchboard::__private::Wants {
                #[allow(unused_imports, unused_mut)]
                use ::patchboard::__private::{Known as _, Unknown as _};

                let mut wants = ::patchboard::__private::Wants::Nothing;
                #(wants = wants.max((&::patchboard::__private::Argument::<#arguments>::new()).wants());)*
                wants
            }

            fn call(request: ::patchboard::extract::Request) -> ::patchboard::__private::HandlerFuture {
                ::std::boxed::Box::pin(async move { #body })
            }

            ::patchboard::__private::inventory::submit! {
                ::patchboard::__private::RouteEntry {
                    id: ID,
                    method: #method,
                    pattern: #pattern,
                    name: #name,
                    wants,
                    call,
                }
            }
        };
    })
}

fn check_signature(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    if let Some(parameter) = signature.generics.params.first() {
        return Err(Error::new(
            parameter.span(),
            "a handler cannot be generic: the host calls it by its route alone",
        ));
    }
    if let Some(token) = &signature.unsafety {
        return Err(Error::new(token.span(), "a handler cannot be unsafe"));
    }
    if let Some(token) = &signature.constness {
        return Err(Error::new(token.span(), "a handler cannot be const"));
    }
    if let Some(abi) = &signature.abi {
        return Err(Error::new(abi.span(), "a handler is an ordinary Rust function"));
    }
    if let Some(variadic) = &signature.variadic {
        return Err(Error::new(variadic.span(), "a handler has a fixed number of arguments"));
    }
    Ok(())
}

fn argument_types(function: &ItemFn) -> Result<Vec<&Type>> {
    let types = function
        .sig
        .inputs
        .iter()
        .map(|argument| match argument {
            FnArg::Typed(typed) => Ok(&*typed.ty),
            FnArg::Receiver(receiver) => {
                Err(Error::new(receiver.span(), "a handler is a free function: it has no `self`"))
            }
        })
        .collect::<Result<Vec<_>>>()?;
    for ty in &types {
        if let Type::ImplTrait(_) = ty {
            return Err(Error::new(ty.span(), "a handler cannot be generic: name the type of the extractor"));
        }
    }
    if let Some((_last, others)) = types.split_last() {
        for ty in others {
            if let Some(name) = body_extractor(ty) {
                return Err(Error::new(
                    ty.span(),
                    format!("`{name}` consumes the body of the request, so it must be the last argument"),
                ));
            }
        }
    }
    Ok(types)
}

fn body_extractor(ty: &Type) -> Option<&'static str> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    BODY_EXTRACTORS.into_iter().find(|name| last.ident == name)
}

/// Runs the extractors in the order of the arguments, then the handler. The
/// first rejection is the answer. Local names are hygienic (`mixed_site`): a
/// handler called `request` or `parts` is not shadowed by them.
fn call_body(function: &ItemFn, types: &[&Type]) -> TokenStream {
    let values: Vec<_> =
        (0..types.len()).map(|index| format_ident!("argument_{index}", span = Span::mixed_site())).collect();
    let mut body = TokenStream::new();

    if let Some((last_type, other_types)) = types.split_last() {
        if !other_types.is_empty() {
            body.extend(quote_spanned! {Span::mixed_site()=> let (mut parts, body) = request.into_parts(); });
            for (value, ty) in values.iter().zip(other_types) {
                body.extend(extract(
                    value,
                    quote_spanned! { own_span(ty)=>
                        <#ty as ::patchboard::extract::FromRequestParts<()>>::from_request_parts(&mut parts, &()).await
                    },
                ));
            }
            body.extend(quote_spanned! {Span::mixed_site()=>
                let request = ::patchboard::extract::Request::from_parts(parts, body);
            });
        }
        if let Some(value) = values.last() {
            body.extend(extract(
                value,
                quote_spanned! { own_span(last_type)=>
                    <#last_type as ::patchboard::extract::FromRequest<(), _>>::from_request(request, &()).await
                },
            ));
        }
    } else {
        body.extend(quote_spanned! {Span::mixed_site()=> let _ = request; });
    }

    let name = &function.sig.ident;
    let awaited = function.sig.asyncness.map(|_| quote! { .await });
    let return_span = match &function.sig.output {
        ReturnType::Type(_, ty) => own_span(ty),
        ReturnType::Default => own_span(name),
    };
    body.extend(quote_spanned! {Span::mixed_site()=> let answer = #name(#(#values),*) #awaited; });
    body.extend(quote_spanned! { return_span=>
        ::patchboard::response::IntoResponse::into_response(answer)
    });
    body
}

fn extract(value: &syn::Ident, call: TokenStream) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        let #value = match #call {
            ::core::result::Result::Ok(value) => value,
            ::core::result::Result::Err(rejection) => return ::patchboard::__private::reject(rejection),
        };
    }
}

/// Where the author wrote `tokens`, for errors, with the hygiene of this macro.
fn own_span(tokens: &impl syn::spanned::Spanned) -> Span {
    tokens.span().resolved_at(Span::mixed_site())
}
