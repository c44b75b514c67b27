//! HTML pages from [minijinja]'s templates, with the URLs of this server in them.
//!
//! Needs the feature `templates`. Templates are compiled into the component, and their
//! syntax is Jinja's. What they are given is escaped for HTML, but in those whose names
//! end in `.txt`; a variable that is not there is an error.
//!
//! - `url_for("article", id=7)` is the URL of a route, as [`url_for`]
//!   gives it; what is no parameter of the route goes into the query, as in Flask.
//! - `static_url("css", "site.css")` is the URL of a static file.
//!
//! ```
//! use patchboard::response::Html;
//! use patchboard::templates::{self, Templates, context};
//! use patchboard::{get, Path};
//!
//! // In a handler: Templates::new(&[("article.html", include_str!("article.html"))])
//! static TEMPLATES: Templates = Templates::new(&[(
//!     "article.html",
//!     "<h1>{{ name }}</h1><a href=\"{{ url_for('article', name=name, page=2) }}\">more</a>",
//! )]);
//!
//! #[get("/articles/{name}")]
//! async fn article(Path(name): Path<String>) -> templates::Result {
//!     TEMPLATES.render("article.html", context! { name })
//! }
//! # async fn test() -> Result<(), templates::Error> {
//! let Html(page) = article(Path("<b>".to_owned())).await?;
//! assert_eq!(page, "<h1>&lt;b&gt;</h1><a href=\"/articles/%3Cb%3E?page=2\">more</a>");
//! # Ok(())
//! # }
//! # futures_executor::block_on(test()).unwrap();
//! ```

use crate::url::{UrlError, static_url, url_for};
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use minijinja::value::{Kwargs, Serde};
use minijinja::{AutoEscape, Environment, ErrorKind, State, UndefinedBehavior, Value};
use serde::Serialize;
use std::fmt;
use std::sync::OnceLock;

pub use crate::context;
pub use minijinja;

/// A page, or why there is none.
pub type Result = std::result::Result<Html<String>, Error>;

/// The templates of a handler. Make it a `static`: they are parsed once an instance.
#[derive(Debug)]
pub struct Templates {
    sources: &'static [(&'static str, &'static str)],
    environment: OnceLock<std::result::Result<Environment<'static>, Error>>,
}

/// Why a page cannot be made. As a response it is 500, and the details go to the log.
#[derive(Clone, Debug)]
pub struct Error(String);

impl Templates {
    /// The templates of these names and contents.
    pub const fn new(sources: &'static [(&'static str, &'static str)]) -> Self {
        Self { sources, environment: OnceLock::new() }
    }

    /// The template `name`, with the variables of `context`.
    ///
    /// # Errors
    ///
    /// If a template is malformed, is not there, or needs what it was not given.
    pub fn render(&self, name: &str, context: impl Serialize) -> Result {
        let environment = self.environment.get_or_init(|| environment(self.sources));
        let environment = environment.as_ref().map_err(Clone::clone)?;
        Ok(Html(environment.get_template(name)?.render(Value::from(Serde(context)))?))
    }
}

/// A value for a template.
#[doc(hidden)]
pub fn value(value: impl Serialize) -> Value {
    Value::from(Serde(value))
}

/// What a template is given: `context! { name, notes => list }`. A value is anything
/// that implements [`Serialize`], and stays its owner's.
#[macro_export]
macro_rules! context {
    ($($name:ident $(=> $value:expr)?),* $(,)?) => {
        $crate::templates::minijinja::Value::from_pairs([
            $((::core::stringify!($name), $crate::__context_value!($name $(=> $value)?))),*
        ] as [(&str, $crate::templates::minijinja::Value); _])
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __context_value {
    ($name:ident) => {
        $crate::templates::value(&$name)
    };
    ($name:ident => $value:expr) => {
        $crate::templates::value(&$value)
    };
}

fn environment(sources: &'static [(&str, &str)]) -> std::result::Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|name| match name.ends_with(".txt") {
        true => AutoEscape::None,
        false => AutoEscape::Html,
    });
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.add_function("url_for", route_url);
    environment.add_function("static_url", file_url);
    for (name, source) in sources {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

fn route_url(
    state: &State<'_, '_>,
    name: &str,
    values: Kwargs,
) -> std::result::Result<Value, minijinja::Error> {
    let mut query: Vec<&str> = Vec::new();
    loop {
        let mut url = url_for(name);
        for key in values.args() {
            let value = values.get::<Value>(key)?;
            url = if query.contains(&key) { url.query(key, value) } else { url.parameter(key, value) };
        }
        match url.build() {
            Err(UrlError::UnknownParameter(key)) => match values.args().find(|known| **known == key) {
                Some(known) if !query.contains(&known) => query.push(known),
                _ => return Err(invalid(&UrlError::UnknownParameter(key))),
            },
            url => return url.map(|url| escaped(state, url)).map_err(|error| invalid(&error)),
        }
    }
}

fn file_url(state: &State<'_, '_>, mount: &str, path: &str) -> std::result::Result<Value, minijinja::Error> {
    static_url(mount, path).map(|url| escaped(state, url)).map_err(|error| invalid(&error))
}

fn invalid(error: &UrlError) -> minijinja::Error {
    minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string())
}

/// A URL has few characters that HTML needs escaped, and minijinja would escape every
/// slash.
fn escaped(state: &State<'_, '_>, url: String) -> Value {
    if *state.auto_escape() == AutoEscape::None {
        return Value::from(url);
    }
    Value::from_safe_string(
        url.replace('&', "&amp;").replace('"', "&quot;").replace('\'', "&#39;").replace('<', "&lt;"),
    )
}

impl From<minijinja::Error> for Error {
    fn from(error: minijinja::Error) -> Self {
        let causes = std::iter::successors(std::error::Error::source(&error), |error| error.source());
        Self(causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        tracing::error!("template: {self}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TEMPLATES: Templates = Templates::new(&[
        ("base.html", "<p>{% block body %}{% endblock %}"),
        ("child.html", "{% extends 'base.html' %}{% block body %}{{ text }}{% endblock %}"),
        ("plain.txt", "{{ text }}"),
        ("wrong.html", "{{ url_for('nowhere') }}"),
    ]);

    #[test]
    fn html_is_escaped_and_text_is_not() {
        let text = context! { text => "<i> & 'x'" };
        let Html(page) = TEMPLATES.render("child.html", &text).unwrap();
        assert_eq!(page, "<p>&lt;i&gt; &amp; &#x27;x&#x27;");
        assert_eq!(TEMPLATES.render("plain.txt", &text).unwrap().0, "<i> & 'x'");
    }

    #[test]
    fn mistakes_are_named() {
        for (template, part) in [
            ("none.html", "none.html"),
            ("child.html", "undefined"),
            ("wrong.html", "nothing is named `nowhere`"),
        ] {
            let error = TEMPLATES.render(template, ()).unwrap_err().to_string();
            assert!(error.contains(part), "{template}: {error}");
        }
    }
}
