//! URLs, by the host.

use super::bindings::patchboard::handler::routing;
use crate::UrlError;

pub(crate) fn url_for(
    name: &str,
    parameters: &[(String, String)],
    query: &[(String, String)],
) -> Result<String, UrlError> {
    routing::url_for(name, parameters, query).map_err(url_error)
}

pub(crate) fn static_url(mount: &str, path: &str) -> Result<String, UrlError> {
    routing::static_url(mount, path).map_err(url_error)
}

fn url_error(error: routing::UrlError) -> UrlError {
    match error {
        routing::UrlError::UnknownName(name) => UrlError::UnknownName(name),
        routing::UrlError::MissingParameter(name) => UrlError::MissingParameter(name),
        routing::UrlError::UnknownParameter(name) => UrlError::UnknownParameter(name),
        routing::UrlError::InvalidParameter(routing::InvalidParameter { name, value, reason }) => {
            UrlError::InvalidParameter { name, value, reason }
        }
    }
}
