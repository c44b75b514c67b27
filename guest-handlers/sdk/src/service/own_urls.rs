//! URLs of this component's own routes, where no host can be asked: under
//! `wasi:http` and in the author's unit tests. Pure.

use crate::UrlError;
use crate::pattern::{Part, Segment, encode, segments};
use crate::registry;

/// The URL of a route of this component.
pub(crate) fn url_for(
    name: &str,
    parameters: &[(String, String)],
    query: &[(String, String)],
) -> Result<String, UrlError> {
    let route = registry::routes().find(|route| route.name == name);
    let segments = segments(route.ok_or_else(|| UrlError::UnknownName(name.to_owned()))?.pattern);
    for (at, (name, _)) in parameters.iter().enumerate() {
        let twice = parameters[..at].iter().any(|(before, _)| before == name);
        if twice || !segments.iter().any(|segment| has(segment, name)) {
            return Err(UrlError::UnknownParameter(name.clone()));
        }
    }
    let get = |name: &str| {
        let found = parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value).ok_or_else(|| UrlError::MissingParameter(name.to_owned()))
    };
    let filled = |name: &str| match get(name)? {
        value if matches!(value.as_str(), "" | "." | "..") => Err(UrlError::InvalidParameter {
            name: name.to_owned(),
            value: value.clone(),
            reason: "a segment is neither empty nor dots".to_owned(),
        }),
        value => Ok(value),
    };
    let mut url = String::new();
    for segment in &segments {
        url.push('/');
        match segment {
            Segment::Literal(text) => url.extend(encode(text)),
            Segment::Parameter(name) => url.extend(encode(filled(name)?)),
            Segment::Shape(parts) => {
                for part in parts {
                    match part {
                        Part::Text(text) => url.extend(encode(text)),
                        Part::Parameter(name) | Part::Typed(name) => url.extend(encode(filled(name)?)),
                    }
                }
            }
            Segment::Tail(name) => {
                let mut places = get(name)?.split('/');
                url.extend(places.next().into_iter().flat_map(encode));
                places.for_each(|place| url.extend(std::iter::once("/").chain(encode(place))));
            }
        }
    }
    if !query.is_empty() {
        url.push('?');
        url.push_str(&serde_urlencoded::to_string(query).unwrap_or_default());
    }
    Ok(url)
}

/// Nothing is known of mounts.
pub(crate) fn static_url(mount: &str, _path: &str) -> Result<String, UrlError> {
    Err(UrlError::UnknownName(mount.to_owned()))
}

/// Whether the segment has the parameter `name`.
fn has(segment: &Segment<'_>, name: &str) -> bool {
    match segment {
        Segment::Literal(_) => false,
        Segment::Parameter(known) | Segment::Tail(known) => *known == name,
        Segment::Shape(parts) => parts.iter().any(|part| part.name() == Some(name)),
    }
}
