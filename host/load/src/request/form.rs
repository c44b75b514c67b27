//! Multipart forms (RFC 7578): texts, in which templates are filled in, and files.

use std::fs;

use super::template::Template;

/// A form's body.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) content_type: String,
    pub(crate) body: Template,
}

/// How a text becomes a template.
pub(crate) type ParseText = fn(&str) -> Result<Template, String>;

impl Form {
    /// Of fields as they are written on the command line: `NAME=TEXT`, `NAME=@FILE`.
    pub(crate) fn encode(fields: &[String], text: ParseText) -> Result<Self, String> {
        let boundary = format!("patchboard-{:032x}", fastrand::u128(..));
        let mut parts = Vec::new();
        for field in fields {
            let Some((name, value)) = field.split_once('=') else {
                return Err(format!("form field `{field}` has no value; write NAME=TEXT or NAME=@FILE"));
            };
            let name = quoted(name);
            let head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"");
            if let Some(path) = value.strip_prefix('@') {
                let content = fs::read(path).map_err(|error| {
                    format!("form field `{field}`: could not read {path}: {error}; check the path")
                })?;
                let kind = mime_guess::from_path(path).first_or_octet_stream();
                let file = path.rsplit('/').next().map(quoted).unwrap_or_default();
                let head = format!("{head}; filename=\"{file}\"\r\ncontent-type: {kind}\r\n\r\n");
                parts.extend([Template::fixed(head), Template::fixed(content)]);
            } else {
                let value = text(value).map_err(|error| format!("form field `{field}`: {error}"))?;
                parts.extend([Template::fixed(format!("{head}\r\n\r\n")), value]);
            }
            parts.push(Template::fixed("\r\n"));
        }
        parts.push(Template::fixed(format!("--{boundary}--\r\n")));
        let content_type = format!("multipart/form-data; boundary={boundary}");
        Ok(Self { content_type, body: Template::join(parts) })
    }
}

/// As HTML's forms escape names (RFC 7578, section 4.2, leaves it to them).
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded_as_browsers_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo.jpg");
        fs::write(&path, b"\xff\xd8").unwrap();
        let fields = ["image_id={{seq}}".to_owned(), format!("image=@{}", path.display())];
        let form = Form::encode(&fields, Template::parse).unwrap();
        let boundary = form.content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let mut body = Vec::new();
        form.body.render(2, &mut body);
        let expected = [
            format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"image_id\"\r\n\r\n2\r\n\
                 --{boundary}\r\ncontent-disposition: form-data; name=\"image\"; filename=\"photo.jpg\"\r\n\
                 content-type: image/jpeg\r\n\r\n"
            )
            .into_bytes(),
            b"\xff\xd8".to_vec(),
            format!("\r\n--{boundary}--\r\n").into_bytes(),
        ]
        .concat();
        assert_eq!(body, expected);
    }

    #[test]
    fn a_form_without_templates_is_fixed() {
        let form = Form::encode(&["a=1".to_owned()], Template::parse).unwrap();
        assert!(form.body.as_fixed().is_some());
    }

    #[test]
    fn mistakes_name_the_field() {
        let error = |field: &str| Form::encode(&[field.to_owned()], Template::parse).unwrap_err();
        assert!(error("image").contains("form field `image` has no value"));
        assert!(error("a=@/no/such/file").contains("could not read /no/such/file"));
        assert!(error("a={{x}}").contains("there is no {{x}}"));
    }
}
