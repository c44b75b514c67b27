//! Something that is wrong with what was configured, dropped in, or found on this
//! machine: where, what, and what to do about it.
//!
//! Whoever prepares a server collects them, and all are told at once.

use std::fmt;

use crate::printable::printable;

/// Something that keeps a configuration from being served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file and line, the handler, the database or the address it is with; may be empty.
    pub place: String,
    /// What is wrong.
    pub wrong: String,
    /// What to do; empty where `wrong` says it, as in a comparison with what was expected.
    pub remedy: String,
}

impl Problem {
    /// A problem whose remedy is in what is wrong.
    pub fn new(place: impl Into<String>, wrong: impl Into<String>) -> Self {
        Self { place: place.into(), wrong: wrong.into(), remedy: String::new() }
    }

    /// The same, with what to do.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: remedy.into(), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", printable(&self.place))?;
        }
        f.write_str(&printable(&self.wrong))?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", printable(&self.remedy))?;
        }
        Ok(())
    }
}

/// Several, as what is wrong with one thing.
pub fn one_line(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_place_and_remedy_where_there_are_any() {
        assert_eq!(Problem::new("", "wrong").to_string(), "wrong");
        assert_eq!(Problem::new("patchboard.toml:3", "wrong").to_string(), "patchboard.toml:3: wrong");
        assert_eq!(
            Problem::new("handler a", "wrong").remedy("mend it").to_string(),
            "handler a: wrong; mend it"
        );
        assert_eq!(Problem::new("a\nb", "c\u{1b}").to_string(), "a\u{fffd}b: c\u{fffd}");
    }
}
