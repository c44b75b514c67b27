//! A request, ready to be sent: as HTTP/1.1 a run of bytes, made once where nothing in
//! it differs from request to request, else filled into a buffer that is used again.

mod expect;
mod file;
mod form;
mod template;

use std::io::Write as _;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri};
use http_body_util::Full;

pub(crate) use self::expect::Expect;
pub(crate) use self::file::{Defaults, read as read_file};
pub(crate) use self::form::Form;
pub(crate) use self::form::ParseText;
pub(crate) use self::template::Template;

use crate::failure::Failure;
use crate::origin::{Origin, Url};

const USER_AGENT: &str = concat!("patchboard-load/", env!("CARGO_PKG_VERSION"));

/// What is to be sent and expected, before the origin is known.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: Option<String>,
    pub(crate) weight: u32,
    pub(crate) url: Url,
    pub(crate) method: Option<String>,
    /// `NAME: VALUE`.
    pub(crate) fields: Vec<String>,
    pub(crate) body: Option<Body>,
    pub(crate) expect: Expect,
}

#[derive(Debug)]
pub(crate) enum Body {
    Plain(Template),
    Form(Form),
}

#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) name: String,
    pub(crate) weight: u32,
    /// Which origin of the plan's.
    pub(crate) origin: usize,
    pub(crate) expect: Expect,
    method: Method,
    target: Template,
    fields: Vec<(HeaderName, Template)>,
    body: Option<Template>,
    /// The whole as HTTP/1.1, where it is always the same.
    fixed: Option<Bytes>,
}

/// Buffers for requests that differ.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    body: Vec<u8>,
    message: Vec<u8>,
}

/// Whether connections are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    KeepAlive,
    Close,
}

impl Draft {
    pub(crate) fn prepare(self, origin: usize, reuse: Reuse, text: ParseText) -> Result<Prepared, String> {
        let default = if self.body.is_some() { "POST" } else { "GET" };
        let method = self.method.as_deref().unwrap_or(default);
        let method: Method =
            method.parse().map_err(|_| format!("`{method}` is no method; write for example GET"))?;
        let mut fields = vec![(http::header::HOST, Template::fixed(self.url.authority.clone()))];
        let own = [(http::header::USER_AGENT, USER_AGENT), (http::header::ACCEPT, "*/*")];
        fields.extend(own.map(|(name, value)| (name, Template::fixed(value))));
        let content_type = match &self.body {
            Some(Body::Form(form)) => Some(form.content_type.clone()),
            Some(Body::Plain(_)) => Some("application/octet-stream".to_owned()),
            None => None,
        };
        fields.extend(content_type.map(|kind| (http::header::CONTENT_TYPE, Template::fixed(kind))));
        let mut given: Vec<(HeaderName, Template)> = Vec::new();
        for field in &self.fields {
            given.push(parse_field(field, text)?);
        }
        fields.retain(|(name, _)| given.iter().all(|(other, _)| other != name));
        fields.extend(given);
        if reuse == Reuse::Close {
            fields.push((http::header::CONNECTION, Template::fixed("close")));
        }
        if self.url.target.chars().any(|char| char.is_whitespace() || char.is_control()) {
            return Err(format!("a space in {}; write %20", self.url.target));
        }
        let target = text(&self.url.target)?;
        let name = self.name.unwrap_or_else(|| format!("{method} {}", self.url.target));
        let body = self.body.map(|body| match body {
            Body::Plain(template) => template,
            Body::Form(form) => form.body,
        });
        let mut prepared = Prepared {
            name,
            weight: self.weight,
            origin,
            expect: self.expect,
            method,
            target,
            fields,
            body,
            fixed: None,
        };
        prepared.fixed = prepared.as_fixed();
        Ok(prepared)
    }
}

impl Prepared {
    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// As HTTP/1.1 has it.
    pub(crate) fn http1<'s>(&'s self, seq: u64, scratch: &'s mut Scratch) -> &'s [u8] {
        if let Some(fixed) = &self.fixed {
            return fixed;
        }
        self.render(seq, scratch);
        &scratch.message
    }

    /// As hyper takes it for HTTP/2.
    pub(crate) fn http2(&self, seq: u64, origin: &Origin) -> Result<http::Request<Full<Bytes>>, Failure> {
        let mut out = Vec::new();
        let mut rendered = |template: &Template| {
            out.clear();
            template.render(seq, &mut out);
            out.clone()
        };
        let invalid = |error: http::Error| Failure::Http2(error.to_string());
        let target = rendered(&self.target);
        let uri = Uri::builder().scheme(origin.scheme.name()).authority(origin.authority.as_str());
        let uri = uri.path_and_query(target).build().map_err(invalid)?;
        let mut request = http::Request::builder().method(self.method.clone()).uri(uri);
        for (name, value) in &self.fields {
            // The authority says these (RFC 9113, section 8.2.2 and 8.3.1).
            if *name != http::header::HOST && *name != http::header::CONNECTION {
                request = request.header(name, rendered(value));
            }
        }
        let body = match &self.body {
            None => Bytes::new(),
            Some(body) => match body.as_fixed() {
                Some(fixed) => fixed.clone(),
                None => rendered(body).into(),
            },
        };
        request.body(Full::new(body)).map_err(invalid)
    }

    fn as_fixed(&self) -> Option<Bytes> {
        let fields = self.fields.iter().map(|(_, value)| value);
        let all = fields.chain(&self.body).chain([&self.target]);
        if all.into_iter().any(|template| template.as_fixed().is_none()) {
            return None;
        }
        let mut scratch = Scratch::default();
        self.render(0, &mut scratch);
        Some(scratch.message.into())
    }

    fn render(&self, seq: u64, scratch: &mut Scratch) {
        let Scratch { body, message } = scratch;
        body.clear();
        message.clear();
        message.extend_from_slice(self.method.as_str().as_bytes());
        message.push(b' ');
        self.target.render(seq, message);
        message.extend_from_slice(b" HTTP/1.1\r\n");
        for (name, value) in &self.fields {
            message.extend_from_slice(name.as_str().as_bytes());
            message.extend_from_slice(b": ");
            value.render(seq, message);
            message.extend_from_slice(b"\r\n");
        }
        if let Some(template) = &self.body {
            template.render(seq, body);
            // Writing to a vector cannot fail.
            let _ = write!(message, "content-length: {}\r\n", body.len());
        }
        message.extend_from_slice(b"\r\n");
        message.extend_from_slice(body);
    }
}

fn parse_field(field: &str, text: ParseText) -> Result<(HeaderName, Template), String> {
    let Some((name, value)) = field.split_once(':') else {
        return Err(format!("header `{field}` has no colon; write \"NAME: VALUE\""));
    };
    let parsed: HeaderName = name
        .trim()
        .parse()
        .map_err(|_| format!("`{name}` is no name of a header field; check its spelling"))?;
    let remedy = match parsed.as_str() {
        "content-length" | "transfer-encoding" => "it follows from the body; leave it out",
        "connection" => "use --no-keep-alive",
        _ => "",
    };
    if !remedy.is_empty() {
        return Err(format!("header {parsed} cannot be set: {remedy}"));
    }
    let value = value.trim();
    if HeaderValue::from_str(value).is_err() {
        return Err(format!("header {parsed} has a control character in its value; leave it out"));
    }
    Ok((parsed, text(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::{Reach, Scheme};

    fn draft(url: &str) -> Draft {
        Draft {
            name: None,
            weight: 1,
            url: Url::parse(url).unwrap(),
            method: None,
            fields: Vec::new(),
            body: None,
            expect: Expect::parse("200", None, &[]).unwrap(),
        }
    }

    fn sent(prepared: &Prepared, seq: u64) -> String {
        String::from_utf8(prepared.http1(seq, &mut Scratch::default()).to_vec()).unwrap()
    }

    #[test]
    fn a_plain_request() {
        let prepared = draft("h:1/a?b").prepare(0, Reuse::KeepAlive, Template::parse).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!(
            "GET /a?b HTTP/1.1\r\nhost: h:1\r\nuser-agent: patchboard-load/{version}\r\naccept: */*\r\n\r\n"
        );
        assert_eq!(sent(&prepared, 0), expected);
        assert!(prepared.fixed.is_some());
        assert_eq!(prepared.name, "GET /a?b");
    }

    #[test]
    fn own_fields_replace_defaults_and_bodies_make_it_a_post() {
        let mut draft = draft("h/{{seq}}");
        draft.fields = vec!["Host: other".into(), "accept:text/plain".into(), "x-n: {{seq}}".into()];
        draft.body = Some(Body::Plain(Template::parse("n={{seq}}").unwrap()));
        let prepared = draft.prepare(0, Reuse::Close, Template::parse).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!(
            "POST /12 HTTP/1.1\r\nuser-agent: patchboard-load/{version}\r\n\
             content-type: application/octet-stream\r\nhost: other\r\naccept: text/plain\r\nx-n: 12\r\n\
             connection: close\r\ncontent-length: 4\r\n\r\nn=12"
        );
        assert_eq!(sent(&prepared, 12), expected);
        assert!(prepared.fixed.is_none());
    }

    #[test]
    fn the_same_as_http_2() {
        let mut draft = draft("h/{{seq}}?x");
        draft.fields = vec!["x-n: {{seq}}".into()];
        draft.method = Some("PUT".to_owned());
        let prepared = draft.prepare(0, Reuse::KeepAlive, Template::parse).unwrap();
        let url = Url::parse("https://127.0.0.1:4/").unwrap();
        let origin = Origin::resolve(&url, Reach::Private).unwrap();
        assert_eq!(origin.scheme, Scheme::Https);
        let request = prepared.http2(5, &origin).unwrap();
        assert_eq!(request.uri(), "https://127.0.0.1:4/5?x");
        assert_eq!(request.method(), Method::PUT);
        assert_eq!(request.headers().get("x-n").unwrap(), "5");
        assert!(!request.headers().contains_key("host"));
    }

    #[test]
    fn mistakes_name_the_thing_and_the_remedy() {
        for (field, part) in [
            ("accept", "has no colon"),
            ("a b: c", "is no name"),
            ("Content-Length: 1", "follows from the body"),
            ("connection: close", "--no-keep-alive"),
            ("x: a\nb", "control character"),
            ("x: {{y}}", "there is no {{y}}"),
        ] {
            let mut draft = draft("h/");
            draft.fields = vec![field.to_owned()];
            let error = draft.prepare(0, Reuse::KeepAlive, Template::parse).unwrap_err();
            assert!(error.contains(part), "{field}: {error}");
        }
        let error = draft("h/a b").prepare(0, Reuse::KeepAlive, Template::parse).unwrap_err();
        assert!(error.contains("write %20"), "{error}");
    }
}
