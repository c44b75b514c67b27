//! The pages of the development server: nothing of them is elsewhere, and what others say in them is
//! escaped. Pure.

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::desk::Trouble;
use super::inject;
use super::trace::Place;
use crate::body::Body;

/// So that nothing runs that is not this server's, whatever is shown.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; img-src data:";

/// A call that has failed, as it is shown.
pub(super) struct Failed<'a> {
    pub(super) status: StatusCode,
    /// What has happened, in a sentence.
    pub(super) what: &'a str,
    /// What the code has said of it, such as a panic's message.
    pub(super) said: Option<&'a str>,
    /// Where in the author's own code.
    pub(super) places: &'a [Place],
    /// What the call has logged, with the levels.
    pub(super) lines: &'a [(String, String)],
    /// The whole backtrace, where there is one.
    pub(super) trace: Option<&'a str>,
    pub(super) request: &'a str,
    pub(super) request_id: &'a str,
}

/// The page of what keeps the sources from being served.
pub(super) fn trouble(trouble: &Trouble, version: &str) -> Response<Body> {
    let (status, title, content) = match trouble {
        Trouble::Building => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Building",
            "<h1 class=busy>Building the handlers</h1><p>This page reloads when they are there.</p>"
                .to_owned(),
        ),
        Trouble::Wrong { what, text } => (
            StatusCode::INTERNAL_SERVER_ERROR,
            &**what,
            format!(
                "<h1>{}</h1><pre class=said>{}</pre><p class=note>This page reloads with the next build that is \
                 good. Until then the last good one answers whoever asks for no page.</p>",
                escape(what),
                marked(text.trim_end())
            ),
        ),
    };
    page(status, title, &content, Some(version))
}

/// The page of a call that has failed.
pub(super) fn failed(failed: &Failed<'_>, version: Option<&str>) -> Response<Body> {
    let Failed { status, what, said, places, lines, trace, request, request_id } = failed;
    let mut content = match said {
        Some(said) => format!("<h1>{}</h1><p class=what>{}</p>", escape(said), escape(what)),
        None => format!("<h1>{}</h1>", escape(what)),
    };
    for Place { function, file, line, lines } in *places {
        content += &format!(
            "<section><h2><code>{}:{line}</code> <span>{}</span></h2><pre class=source>",
            escape(file),
            escape(function)
        );
        for (number, text) in lines {
            let class = if number == line { " class=here" } else { "" };
            content += &format!("<span{class}><i>{number}</i>{}\n</span>", escape(text));
        }
        content += "</pre></section>";
    }
    if !lines.is_empty() {
        content += "<section><h2>Log of the call</h2><pre class=log>";
        for (level, text) in *lines {
            content += &format!("<b class={}>{level:5}</b> {}\n", level.to_lowercase(), escape(text));
        }
        content += "</pre></section>";
    }
    if let Some(trace) = trace {
        content +=
            &format!("<details><summary>Whole backtrace</summary><pre>{}</pre></details>", escape(trace));
    }
    let again = match version {
        Some(_) => "This page reloads with the next build.",
        None => "Send it again after the next build.",
    };
    content += &format!(
        "<p class=note>{} · request <code>{}</code>. {again}</p>",
        escape(request),
        escape(request_id)
    );
    let title = said.unwrap_or(what);
    page(*status, title, &content, version)
}

fn page(status: StatusCode, title: &str, content: &str, version: Option<&str>) -> Response<Body> {
    let script = version.map(inject::script).unwrap_or_default();
    let first = title.lines().next().unwrap_or_default();
    let text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\n<meta name=\"viewport\" \
         content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\n<link rel=icon \
         href=\"data:,\"><style>{}</style></head>\n<body><main><p class=who>patchboard dev</p>{content}</main>\n{script}\
         </body></html>\n",
        escape(first),
        include_str!("page.css")
    );
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    let headers: [(HeaderName, &'static str); 3] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    let fields = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    response.headers_mut().extend(HeaderMap::from_iter(fields));
    response
}

/// What a compiler says, with its first lines and its marks as they stand out.
fn marked(text: &str) -> String {
    let mut marked = String::with_capacity(text.len() + text.len() / 4);
    for line in text.lines() {
        let bare = line.trim_start();
        let class = if bare.starts_with("error") {
            "error"
        } else if bare.starts_with("warning") {
            "warn"
        } else if bare.starts_with("-->") || bare.starts_with(":::") {
            "place"
        } else if bare.starts_with("= ") || bare.starts_with("help:") || bare.starts_with("note:") {
            "hint"
        } else if bare.trim_start_matches('|').trim_start().starts_with(['^', '-', '~', '+']) {
            "mark"
        } else {
            ""
        };
        match class {
            "" => marked += &escape(line),
            class => marked += &format!("<b class={class}>{}</b>", escape(line)),
        }
        marked.push('\n');
    }
    marked
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: &Response<Body>) -> String {
        String::from_utf8(response.body().bytes().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn what_others_say_is_shown_and_not_run() {
        let evil = "</pre></title><script>alert(1)</script>\"&";
        let wrong = Trouble::Wrong { what: evil.to_owned(), text: evil.to_owned() };
        let place = Place {
            function: evil.to_owned(),
            file: evil.to_owned(),
            line: 1,
            lines: vec![(1, evil.to_owned())],
        };
        let shown = Failed {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            what: evil,
            said: Some(evil),
            places: &[place],
            lines: &[("INFO".to_owned(), evil.to_owned())],
            trace: Some(evil),
            request: evil,
            request_id: evil,
        };
        for page in [trouble(&wrong, "1"), failed(&shown, Some("1"))] {
            let text = text(&page);
            assert!(!text.contains("<script>") && text.contains("&lt;script&gt;"), "{text}");
            assert_eq!(text.matches("<script src=\"/-/dev/reload.js\"").count(), 1);
        }
        assert!(!text(&failed(&shown, None)).contains("reload.js"));
    }
}
