//! `patchboard:handler/routing`: the matched route, for components that are called
//! through `wasi:http`, and the URLs of routes and static files, for all.
//!
//! The current task is asked for at the import's entry, so the answer is right also
//! where calls overlap in one instance. URLs are those of the site of this moment.

use std::sync::Arc;

use http::uri::Authority;
use wasmtime::AsContextMut as _;
use wasmtime::component::{Access, HasSelf, Linker};

use super::Urls;
use crate::config::Isolation;
use crate::handlers::bindings::routing::{Host, HostWithStore, InvalidParameter, UrlError};
use crate::handlers::bindings::{self, types};
use crate::handlers::job::{CallHead, MatchedRoute};
use crate::handlers::state::{self, State};
use crate::router;

/// Pairs of a name and a value.
type Pairs = Vec<(String, String)>;

pub(in crate::handlers) fn link(linker: &mut Linker<State>, _: Isolation) -> wasmtime::Result<()> {
    bindings::routing::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}

impl types::Host for State {}

impl Host for State {
    fn static_url(&mut self, mount: String, path: String) -> wasmtime::Result<Result<String, UrlError>> {
        let url = self.grants.routing.site().and_then(|site| site.static_url(&mount, &path));
        Ok(url.ok_or(UrlError::UnknownName(mount)))
    }
}

impl HostWithStore<State> for HasSelf<State> {
    fn current_route(mut access: Access<'_, State, Self>) -> wasmtime::Result<Option<types::MatchedRoute>> {
        Ok(current_call(&mut access)?.map(|call| lifted(&call.route)))
    }

    fn url_for(
        mut access: Access<'_, State, Self>,
        name: String,
        parameters: Pairs,
        query: Pairs,
    ) -> wasmtime::Result<Result<String, UrlError>> {
        let call = current_call(&mut access)?;
        let state = access.get();
        let Some(site) = state.grants.routing.site() else { return Ok(Err(UrlError::UnknownName(name))) };
        let url = url_for(&*site, &state.handler, &name, &parameters);
        Ok(url.map(|url| {
            let authority = call.and_then(|call| call.authority.parse::<Authority>().ok());
            let port = authority.and_then(|authority| authority.port_u16());
            url.with_port(port).with_query(&borrowed(&query)).to_string()
        }))
    }
}

/// The call that the guest's task answers.
fn current_call(access: &mut Access<'_, State, HasSelf<State>>) -> wasmtime::Result<Option<Arc<CallHead>>> {
    state::current_call(access.as_context_mut())
}

/// `name` is one of the handler's own routes, or else any.
fn url_for(site: &dyn Urls, handler: &str, name: &str, parameters: &Pairs) -> Result<router::Url, UrlError> {
    let parameters = borrowed(parameters);
    let own = site.url_for(&format!("{handler}.{name}"), &parameters);
    let url = match own {
        Err(router::UrlError::NoRoute { .. }) => site.url_for(name, &parameters),
        found => found,
    };
    url.map_err(|error| match error {
        router::UrlError::NoRoute { name } => UrlError::UnknownName(name),
        router::UrlError::Missing { name, .. } => UrlError::MissingParameter(name),
        router::UrlError::Unknown { name, .. } => UrlError::UnknownParameter(name),
        router::UrlError::Invalid { name, value, reason, .. } => {
            UrlError::InvalidParameter(InvalidParameter { name, value, reason: reason.to_owned() })
        }
    })
}

fn lifted(route: &MatchedRoute) -> types::MatchedRoute {
    let MatchedRoute { id, name, pattern, parameters } = route;
    types::MatchedRoute {
        id: *id,
        name: name.to_string(),
        pattern: pattern.to_string(),
        parameters: parameters.clone(),
    }
}

fn borrowed(pairs: &Pairs) -> Vec<(&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
