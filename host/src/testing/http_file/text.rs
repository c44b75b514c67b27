//! Text with places for values: `{{name}}` is a variable of the file, or was taken from an
//! answer before.

use std::collections::BTreeMap;

/// Values by name.
pub(in crate::testing) type Variables = BTreeMap<String, String>;

/// Text whose places have yet to be filled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::testing) struct Text(String);

impl Text {
    /// As it is written.
    pub(in crate::testing) fn new(written: impl Into<String>) -> Self {
        Self(written.into())
    }

    /// Likewise, to read.
    pub(in crate::testing) fn written(&self) -> &str {
        &self.0
    }

    /// The names of its places.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let places = self.0.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
        places.map(|(name, _)| name.trim()).filter(|name| is_name(name))
    }

    /// With values in its places; one that nobody knows stays as it is written.
    pub(in crate::testing) fn fill(&self, variables: &Variables) -> String {
        let (mut filled, mut rest) = (String::new(), &*self.0);
        while let Some((before, after)) = rest.split_once("{{") {
            filled.push_str(before);
            let place = after.split_once("}}");
            match place.and_then(|(name, tail)| Some((variables.get(name.trim())?, tail))) {
                Some((value, tail)) => {
                    filled.push_str(value);
                    rest = tail;
                }
                None => {
                    filled.push_str("{{");
                    rest = after;
                }
            }
        }
        filled + rest
    }
}

/// Whether a variable may be called so. Templates that a request has in its body say more
/// between their braces.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.$".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled() {
        let variables =
            Variables::from([("id".to_owned(), "7".to_owned()), ("x".to_owned(), "{{id}}".to_owned())]);
        for (written, expected) in [
            ("", ""),
            ("/items/{{id}}", "/items/7"),
            ("{{ id }}{{id}}", "77"),
            // What was filled in is no place.
            ("{{x}}", "{{id}}"),
            ("{{none}}/{{id}}", "{{none}}/7"),
            ("{{id", "{{id"),
            ("{\"a\":{\"b\":{{id}}}}", "{\"a\":{\"b\":7}}"),
        ] {
            assert_eq!(Text::new(written).fill(&variables), expected, "{written}");
        }
        let names: Vec<_> =
            Text::new("{{a}} {{ b }} {{c d}} {{\"e\"}} {{f").names().map(str::to_owned).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
