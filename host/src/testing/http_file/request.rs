//! A request's line, its fields and its body, as they are sent.

use http::{HeaderName, Method};

use super::block::Written;
use super::directive::content;
use super::model::Content;
use super::text::{Text, Variables};

/// A request that is read.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) target: Text,
    pub(super) fields: Vec<(String, Text)>,
    pub(super) body: Content,
}

impl Request {
    /// Reads what is `written` in a file with these variables; what is wrong goes to `wrong`.
    pub(super) fn read(
        written: &Written<'_>,
        variables: &Variables,
        wrong: &mut impl FnMut(usize, String),
    ) -> Self {
        let (method, target) = line(&written.first).unwrap_or_else(|problem| {
            wrong(written.line, problem);
            (Method::GET, "/")
        });
        let mut fields = Vec::new();
        for (number, name, value) in &written.fields {
            match name.parse::<HeaderName>() {
                Ok(name) => fields.push((name.to_string(), Text::new(*value))),
                Err(_) => wrong(*number, format!("`{name}` is no name of a field; write `Name: value`")),
            }
        }
        let media_type = fields.iter().find(|(name, _)| name == "content-type");
        let media_type =
            media_type.map_or(String::new(), |(_, value)| value.fill(variables)).to_ascii_lowercase();
        Self { method, target: Text::new(target), body: body(&written.body, &media_type), fields }
    }
}

/// Method and target of `GET /path HTTP/1.1`, of which only the target is needed.
fn line(text: &str) -> Result<(Method, &str), String> {
    let example = "write a request's line such as `GET /items`";
    let is_target =
        |text: &str| ["/", "http://", "https://", "{{"].iter().any(|begin| text.starts_with(begin));
    let text = match text.rsplit_once(char::is_whitespace) {
        Some((rest, version)) if version.starts_with("HTTP/") => rest.trim_end(),
        _ => text,
    };
    let (method, target) = match text.split_once(char::is_whitespace) {
        Some((method, target)) if !is_target(method) => {
            (method.parse().map_err(|_| format!("`{method}` is no method; {example}"))?, target.trim_start())
        }
        _ => (Method::GET, text),
    };
    if !is_target(target) || target.contains(char::is_whitespace) && !target.contains("{{") {
        return Err(format!("`{target}` is no path and no URL; {example}"));
    }
    Ok((method, target))
}

/// Lines end as the type asks for it.
fn body(lines: &[(usize, &str)], media_type: &str) -> Content {
    let lines: Vec<_> = lines.iter().map(|(_, line)| *line).collect();
    match lines[..] {
        [] => Content::None,
        [line] => content(line),
        _ if media_type.starts_with("multipart/") => Content::Written(Text::new(lines.join("\r\n") + "\r\n")),
        // A form of which each line is a field.
        _ if media_type.starts_with("application/x-www-form-urlencoded") => {
            Content::Written(Text::new(lines.iter().map(|line| line.trim()).collect::<String>()))
        }
        _ => Content::Written(Text::new(lines.join("\n"))),
    }
}
