//! A file of requests: TOML, a table `[[request]]` each.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::{Body, Draft, Expect, Form, ParseText, Template};
use crate::origin::Url;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    request: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    #[serde(default = "one")]
    weight: u32,
    url: String,
    method: Option<String>,
    #[serde(default)]
    headers: Vec<String>,
    body: Option<String>,
    body_file: Option<String>,
    #[serde(default)]
    form: Vec<String>,
    expect_status: Option<String>,
    expect_body: Option<String>,
}

/// What entries have that do not say otherwise.
#[derive(Debug)]
pub(crate) struct Defaults<'o> {
    /// Where paths belong.
    pub(crate) base: Option<Url>,
    pub(crate) headers: &'o [String],
    pub(crate) expect_status: &'o str,
    pub(crate) expect_body: Option<&'o str>,
    pub(crate) expect_json: &'o [String],
    pub(crate) text: ParseText,
}

const fn one() -> u32 {
    1
}

/// Reads a file; gives all that is wrong with it.
pub(crate) fn read(path: &Path, defaults: &Defaults<'_>) -> Result<Vec<Draft>, Vec<String>> {
    let name = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| vec![format!("could not read {name}: {error}; check the path")])?;
    let file: File =
        toml::from_str(&text).map_err(|error| vec![format!("{name}: {}", error.to_string().trim_end())])?;
    if file.request.is_empty() {
        return Err(vec![format!("{name} has no requests; add a table [[request]]")]);
    }
    let (mut drafts, mut problems) = (Vec::new(), Vec::new());
    for (index, entry) in file.request.into_iter().enumerate() {
        match entry.draft(defaults) {
            Ok(draft) => drafts.push(draft),
            Err(problem) => problems.push(format!("{name}: request {}: {problem}", index + 1)),
        }
    }
    if problems.is_empty() { Ok(drafts) } else { Err(problems) }
}

impl Entry {
    fn draft(self, defaults: &Defaults<'_>) -> Result<Draft, String> {
        if !(1..=1000).contains(&self.weight) {
            return Err(format!("weight {} is out of range; use 1 to 1000", self.weight));
        }
        let url = match &defaults.base {
            Some(base) if self.url.starts_with('/') => base.clone().with_target(&self.url),
            None if self.url.starts_with('/') => {
                return Err(format!("{} has no host; give one URL on the command line", self.url));
            }
            _ => Url::parse(&self.url)?,
        };
        let body = match (self.body, self.body_file, self.form.as_slice()) {
            (None, None, []) => None,
            (Some(body), None, []) => Some(Body::Plain((defaults.text)(&body)?)),
            (None, Some(path), []) => {
                let content = fs::read(&path)
                    .map_err(|error| format!("could not read {path}: {error}; check the path"))?;
                Some(Body::Plain(Template::fixed(content)))
            }
            (None, None, form) => Some(Body::Form(Form::encode(form, defaults.text)?)),
            _ => return Err("more than one of body, body_file and form; leave one".to_owned()),
        };
        let status = self.expect_status.as_deref().unwrap_or(defaults.expect_status);
        let text = self.expect_body.as_deref().or(defaults.expect_body);
        Ok(Draft {
            name: self.name,
            weight: self.weight,
            url,
            method: self.method,
            fields: defaults.headers.iter().cloned().chain(self.headers).collect(),
            body,
            expect: Expect::parse(status, text, defaults.expect_json)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, base: Option<&str>) -> Result<Vec<Draft>, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requests.toml");
        fs::write(&path, text).unwrap();
        read(
            &path,
            &Defaults {
                base: base.map(|url| Url::parse(url).unwrap()),
                headers: &["x-all: 1".to_owned()],
                expect_status: "200",
                expect_body: None,
                expect_json: &[],
                text: Template::parse,
            },
        )
    }

    #[test]
    fn entries_become_requests() {
        let text = r#"
            [[request]]
            url = "/items/{{seq}}"
            [[request]]
            name = "make"
            weight = 3
            url = "http://127.0.0.1:2/items"
            headers = ["x-own: 2"]
            form = ["a=1"]
        "#;
        let drafts = read_text(text, Some("127.0.0.1:1")).unwrap();
        let [first, second] = drafts.as_slice() else { panic!("{drafts:?}") };
        assert_eq!(
            (first.url.authority.as_str(), first.url.target.as_str()),
            ("127.0.0.1:1", "/items/{{seq}}")
        );
        assert_eq!((second.url.authority.as_str(), second.weight), ("127.0.0.1:2", 3));
        assert_eq!(second.fields, ["x-all: 1", "x-own: 2"]);
        assert!(matches!(second.body, Some(Body::Form(_))));
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let text = "[[request]]\nurl = '/a'\n[[request]]\nurl = 'h/'\nweight = 0\n[[request]]\nurl = 'h/'\n\
                    body = 'a'\nform = ['a=b']\n";
        let problems = read_text(text, None).unwrap_err();
        let [first, second, third] = problems.as_slice() else { panic!("{problems:?}") };
        assert!(first.contains("request 1: /a has no host"), "{first}");
        assert!(second.contains("request 2: weight 0 is out of range"), "{second}");
        assert!(third.contains("request 3: more than one of body"), "{third}");
        assert!(read_text("[[request]]\nurl = 'h/'\nwieght = 2\n", None).unwrap_err()[0].contains("wieght"));
    }
}
