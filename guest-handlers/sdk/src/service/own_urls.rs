//! URLs of this component's own routes, where no host can be asked: under
//! `wasi:http` and in the author's unit tests. Pure.

use super::matching::split;
use crate::UrlError;
use crate::registry;
use patchboard_pattern::url::{query, refusal, segment};
use patchboard_pattern::{Kind, Part, Pattern, Segment};

/// A parameter, name and value.
type Parameter = (String, String);

/// The URL of a route of this component.
pub(crate) fn url_for(name: &str, parameters: &[Parameter], pairs: &[Parameter]) -> Result<String, UrlError> {
    let route = registry::routes().find(|route| route.name == name);
    let pattern = route.and_then(|route| Pattern::parse(route.pattern).ok());
    let pattern = pattern.ok_or_else(|| UrlError::UnknownName(name.to_owned()))?;
    for (at, (name, _)) in parameters.iter().enumerate() {
        let twice = parameters[..at].iter().any(|(before, _)| before == name);
        if twice || !pattern.names().any(|known| known == name) {
            return Err(UrlError::UnknownParameter(name.clone()));
        }
    }
    let mut url = String::new();
    for place in &pattern.segments {
        url.push('/');
        url.extend(segment(&filled(place, parameters)?));
    }
    if let Some(name) = &pattern.tail {
        for text in value(name, parameters)?.split('/') {
            // A tail takes empty segments.
            if let Some(reason) = refusal(text).filter(|_| !text.is_empty()) {
                return Err(invalid(name, parameters, reason));
            }
            url.push('/');
            url.extend(segment(text));
        }
        if url.starts_with("//") {
            return Err(invalid(name, parameters, "a path that begins with `//` names a host"));
        }
    }
    url.push_str(&query(pairs));
    Ok(url)
}

/// Nothing is known of mounts, so a component has none. In a unit test, any stands for itself,
/// so that pages can be tested.
pub(crate) fn static_url(mount: &str, path: &str) -> Result<String, UrlError> {
    if cfg!(target_family = "wasm") {
        return Err(UrlError::UnknownName(mount.to_owned()));
    }
    let path = path.split('/').map(|part| segment(part).collect::<String>()).collect::<Vec<_>>().join("/");
    Ok(format!("/{mount}/{path}"))
}

fn value<'p>(name: &str, parameters: &'p [Parameter]) -> Result<&'p str, UrlError> {
    let found = parameters.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str()).ok_or_else(|| UrlError::MissingParameter(name.to_owned()))
}

/// The text of a segment with these parameters, decoded.
fn filled(segment: &Segment, parameters: &[Parameter]) -> Result<String, UrlError> {
    let text = match segment {
        Segment::Literal(text) => return Ok(text.clone()),
        Segment::Plain(name) => value(name, parameters)?.to_owned(),
        Segment::Shape(parts) => {
            let texts = parts.iter().map(|part| match part {
                Part::Literal(text) => Ok(text.as_str()),
                Part::Parameter(name, _) => value(name, parameters),
            });
            texts.collect::<Result<String, _>>()?
        }
    };
    if let Some(reason) = refusal(&text) {
        return Err(invalid(segment.names().next().unwrap_or_default(), parameters, reason));
    }
    let Segment::Shape(parts) = segment else { return Ok(text) };
    for part in parts {
        let Part::Parameter(name, kind) = part else { continue };
        let value = value(name, parameters)?;
        let fits = match kind {
            Kind::Plain => !value.is_empty(),
            Kind::Type(kind) => kind.accepts(value.as_bytes()),
            Kind::Regex(_) => true,
        };
        if !fits {
            return Err(invalid(name, parameters, "the route does not match it there"));
        }
    }
    // What a regex takes of the text is not known here.
    let is_known = |part: &Part| !matches!(part, Part::Parameter(_, Kind::Regex(_)));
    let mut found = Vec::new();
    if parts.iter().all(is_known) && split(parts, &text, &mut found) {
        for (name, read) in &found {
            if value(name, parameters)? != read {
                return Err(invalid(name, parameters, "it would be read back as another value"));
            }
        }
    }
    Ok(text)
}

fn invalid(name: &str, parameters: &[Parameter], reason: &str) -> UrlError {
    let value = value(name, parameters).unwrap_or_default().to_owned();
    UrlError::InvalidParameter { name: name.to_owned(), value, reason: reason.to_owned() }
}
