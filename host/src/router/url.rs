//! URLs of named routes: [`super::Table::url_for`].
//!
//! Each value is checked against its parameter and percent-encoded for where it
//! stands (RFC 3986, section 3.3), so that the pattern of the route, asked for the
//! URL, gives the same values back. What could not be read back is refused.

use std::fmt;

use patchboard_pattern::Part;
use patchboard_pattern::url::{query, refusal, segment};

use super::Captures;
use super::host::RequestHost;
use super::path::RequestPath;
use super::route::RoutePattern;
use super::segment::Segment;
use super::shape::Shape;

/// The URL of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// The host, where that of the route is a pattern or a name; none for every host.
    pub host: Option<String>,
    /// The path, percent-encoded; with a query where [`Url::with_query`] added one.
    pub path: String,
}

/// Why there is no URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// No route has this name.
    #[error("no route is named `{name}`")]
    NoRoute {
        /// The name that was asked for.
        name: String,
    },
    /// A parameter has no value.
    #[error("route `{route}`: the parameter `{name}` is missing")]
    Missing {
        /// The route.
        route: String,
        /// The parameter.
        name: String,
    },
    /// A value for no parameter, or a second one.
    #[error("route `{route}`: there is no parameter `{name}`, or it is given twice")]
    Unknown {
        /// The route.
        route: String,
        /// The parameter.
        name: String,
    },
    /// A value that the route would not match, or would read back differently.
    #[error("route `{route}`: `{name}` cannot be `{value}`: {reason}")]
    Invalid {
        /// The route.
        route: String,
        /// The parameter.
        name: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Url {
    /// With this port after its host, where it has one.
    #[must_use]
    pub fn with_port(self, port: Option<u16>) -> Self {
        let host = self.host.map(|host| port.map_or_else(|| host.clone(), |port| format!("{host}:{port}")));
        Self { host, ..self }
    }

    /// With these names and values as its query; none without any.
    #[must_use]
    pub fn with_query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.path.push_str(&query(pairs));
        self
    }

    pub(super) fn build(route: &RoutePattern, parameters: &[(&str, &str)]) -> Result<Self, UrlError> {
        let values = Values { route, parameters };
        values.check_names()?;
        let mut path = String::new();
        for place in &route.pattern.segments {
            path.push('/');
            path.extend(segment(&values.place(place)?));
        }
        if let Some(name) = &route.pattern.tail {
            for text in values.get(name)?.split('/') {
                path.push('/');
                path.extend(segment(text));
            }
        }
        let tail = route.pattern.tail.as_deref().unwrap_or_default();
        if path.starts_with("//") {
            return Err(values.invalid(tail, "a path that begins with `//` names a host"));
        }
        if RequestPath::parse(&path).is_err() {
            return Err(values.invalid(tail, "it holds a NUL, or a `.` or `..` segment, which are refused"));
        }
        let host = (!route.host.is_any()).then(|| values.host()).transpose()?;
        Ok(Self { host, path })
    }
}

impl fmt::Display for Url {
    /// The path; after `//` and the host, where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "//{host}")?;
        }
        f.write_str(&self.path)
    }
}

struct Values<'a> {
    route: &'a RoutePattern,
    parameters: &'a [(&'a str, &'a str)],
}

impl Values<'_> {
    fn check_names(&self) -> Result<(), UrlError> {
        for (at, (name, _)) in self.parameters.iter().enumerate() {
            let twice = self.parameters.iter().take(at).any(|(before, _)| before == name);
            if twice || !self.route.parameter_names().any(|known| known == *name) {
                return Err(UrlError::Unknown { route: self.route.to_string(), name: (*name).to_owned() });
            }
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Result<&str, UrlError> {
        let value = self.parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        value.ok_or_else(|| UrlError::Missing { route: self.route.to_string(), name: name.to_owned() })
    }

    fn invalid(&self, name: &str, reason: &'static str) -> UrlError {
        let (route, name) = (self.route.to_string(), name.to_owned());
        let value = self.get(&name).unwrap_or_default().to_owned();
        UrlError::Invalid { route, name, value, reason }
    }

    /// The decoded text of a place.
    fn place(&self, place: &Segment) -> Result<String, UrlError> {
        let text = match place {
            Segment::Literal(text) => return Ok(text.to_string()),
            Segment::Plain(name) => self.get(name)?.to_owned(),
            Segment::Shape(shape) => {
                let mut text = String::new();
                for part in shape.parts() {
                    match part {
                        Part::Literal(literal) => text.push_str(literal),
                        Part::Parameter(name, _) => text.push_str(self.get(name)?),
                    }
                }
                self.check_shape(shape, &text)?;
                text
            }
        };
        let name = place.names().next().unwrap_or_default();
        match refusal(&text) {
            Some(reason) => Err(self.invalid(name, reason)),
            None => Ok(text),
        }
    }

    /// That `text` is read back as the values it was made of.
    fn check_shape(&self, shape: &Shape, text: &str) -> Result<(), UrlError> {
        let mut captures = Captures::new();
        if !shape.matches(text.as_bytes(), &mut captures) {
            let name = shape.names().next().unwrap_or_default();
            return Err(self.invalid(name, "the route does not match it there"));
        }
        for (name, found) in shape.names().zip(&captures) {
            if self.get(name)?.as_bytes() != *found {
                return Err(self.invalid(name, "it would be read back as another value"));
            }
        }
        Ok(())
    }

    fn host(&self) -> Result<String, UrlError> {
        let mut labels = Vec::new();
        if let Some(name) = &self.route.host.tail {
            labels.push(self.get(name)?.to_owned());
        }
        for label in self.route.host.labels.iter().rev() {
            labels.push(self.place(label)?);
        }
        let host = labels.join(".");
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
        let literal = host.starts_with('[');
        let name = self.route.host.parameter_names().next().unwrap_or_default();
        if !literal && (!host.bytes().all(allowed) || host.split('.').any(str::is_empty)) {
            return Err(self.invalid(name, "a label of a host is lower-case letters, digits and `-`"));
        }
        // A dot in a value would make it two labels.
        let path = RequestPath::parse("/").map_err(|_| self.invalid(name, "it is not a host"))?;
        let request = RequestHost::new(&host);
        let only_host = RoutePattern { pattern: root(), ..self.route.clone() };
        let found =
            only_host.matches(&request, &path).map_err(|_| self.invalid(name, "it is not one label"))?;
        for (name, value) in only_host.name_values(&found) {
            if self.get(name)?.as_bytes() != value {
                return Err(self.invalid(name, "it would be read back as another value"));
            }
        }
        drop(found);
        Ok(host)
    }
}

fn root() -> super::pattern::Pattern {
    super::pattern::Pattern::root()
}
