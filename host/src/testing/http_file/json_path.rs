//! Where something is in JSON: `$.items[0].name`, or `$["a b"]`; a place, and no search.

use std::fmt;

use serde_json::Value;

/// A place in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::testing) struct JsonPath {
    written: String,
    steps: Vec<PathStep>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathStep {
    Key(String),
    Index(usize),
}

impl JsonPath {
    /// The path that a text begins with, and the rest of it.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and how it is written.
    pub(super) fn parse(text: &str) -> Result<(Self, &str), String> {
        let example = "write a path such as $.items[0].name";
        let Some(mut rest) = text.strip_prefix('$') else {
            return Err(format!("`{text}` is no path; {example}"));
        };
        let mut steps = Vec::new();
        loop {
            if let Some(after) = rest.strip_prefix('.') {
                let length = after.find([' ', '\t', '.', '[']).unwrap_or(after.len());
                let (key, tail) = after.split_at(length);
                if key.is_empty() {
                    return Err(format!("`{text}`: a name is missing after a dot; {example}"));
                }
                steps.push(PathStep::Key(key.to_owned()));
                rest = tail;
            } else if let Some(after) = rest.strip_prefix('[') {
                let (step, tail) = bracket(after).ok_or_else(|| {
                    format!("`{text}`: in brackets is a number, or a name in quotes; {example}")
                })?;
                steps.push(step);
                rest = tail;
            } else if rest.is_empty() || rest.starts_with([' ', '\t']) {
                let written = text.strip_suffix(rest).unwrap_or(text).to_owned();
                return Ok((Self { written, steps }, rest.trim_start()));
            } else {
                return Err(format!("`{text}` is no path; {example}"));
            }
        }
    }

    /// What is there.
    pub(in crate::testing) fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(value, |value, step| match step {
            PathStep::Key(key) => value.as_object()?.get(key),
            PathStep::Index(index) => value.as_array()?.get(*index),
        })
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn bracket(text: &str) -> Option<(PathStep, &str)> {
    if text.starts_with('"') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let key = values.next()?.ok()?;
        let rest = text.get(values.byte_offset()..)?.strip_prefix(']')?;
        return Some((PathStep::Key(key), rest));
    }
    let (number, rest) = text.split_once(']')?;
    Some((PathStep::Index(number.parse().ok()?), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_place() {
        let value = serde_json::json!({ "a": [{ "b": 1 }, 2], "c d": { "]": true }, "0": null });
        for (path, expected) in [
            ("$", Some(value.clone())),
            ("$.a[0].b", Some(1.into())),
            ("$.a[1]", Some(2.into())),
            ("$[\"c d\"][\"]\"]", Some(true.into())),
            ("$.0", Some(Value::Null)),
            ("$.a[2]", None),
            ("$.a.b", None),
            ("$[0]", None),
        ] {
            let (path, rest) = JsonPath::parse(path).unwrap();
            assert_eq!((path.find(&value), rest), (expected.as_ref(), ""), "{path}");
        }
        assert_eq!(JsonPath::parse("$.a = 1").unwrap().1, "= 1");
    }

    #[test]
    fn what_is_no_path_is_said() {
        for text in ["", "a", "$a", "$.", "$..a", "$[", "$[x]", "$[\"a]", "$[-1]", "$.a[0]b"] {
            assert!(JsonPath::parse(text).unwrap_err().contains("$.items[0].name"), "{text}");
        }
    }
}
