//! Reads a table of the configuration key by key and collects every problem.
//!
//! What is asked for is what is known: [`Section::finish`] reports the keys nobody
//! asked for, each with the nearest known one. A key of `[server]` may be given by
//! an environment variable instead, which then wins over the file.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The problems found so far, and the text that lines are counted in.
pub(super) struct Problems<'i> {
    file: String,
    text: &'i str,
    found: RefCell<Vec<String>>,
    /// The sections of which something is not as it was meant.
    doubtful: RefCell<BTreeSet<String>>,
}

/// Looks an environment variable up.
pub(super) type Lookup = dyn Fn(&str) -> Option<String>;

/// A table that is being read.
pub(super) struct Section<'a, 'i> {
    problems: &'a Problems<'i>,
    path: String,
    table: Option<&'a DeTable<'i>>,
    known: RefCell<Vec<&'static str>>,
    environment: Option<&'a Lookup>,
}

impl<'i> Problems<'i> {
    pub(super) fn new(file: String, text: &'i str) -> Self {
        Self { file, text, found: RefCell::default(), doubtful: RefCell::default() }
    }

    pub(super) fn push(&self, at: Option<usize>, message: impl Display) {
        let line = at.map(|offset| {
            let before = self.text.get(..offset).unwrap_or_default();
            format!(":{}", before.matches('\n').count() + 1)
        });
        let line = line.unwrap_or_default();
        self.found.borrow_mut().push(format!("{}{line}: {message}", self.file));
    }

    pub(super) fn into_inner(self) -> (Vec<String>, BTreeSet<String>) {
        (self.found.into_inner(), self.doubtful.into_inner())
    }
}

impl<'a, 'i> Section<'a, 'i> {
    pub(super) fn new(
        problems: &'a Problems<'i>,
        path: impl Into<String>,
        table: Option<&'a DeTable<'i>>,
    ) -> Self {
        Self { problems, path: path.into(), table, known: RefCell::default(), environment: None }
    }

    /// Lets `PATCHBOARD_KEY` stand for `key` of this section.
    pub(super) fn with_environment(self, lookup: &'a Lookup) -> Self {
        Self { environment: Some(lookup), ..self }
    }

    /// The table `key`, or an empty one.
    pub(super) fn section(&self, key: &'static str) -> Section<'a, 'i> {
        let value = self.take(key);
        let table = value.and_then(|value| {
            let table = value.get_ref().as_table();
            if table.is_none() {
                self.mismatch(key, value, "a table");
            }
            table
        });
        Section::new(self.problems, self.name(key), table)
    }

    /// The tables of the array `key`.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'a, 'i>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.mismatch(key, value, "an array of tables");
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item.get_ref().as_table() {
                Some(table) => {
                    let path = format!("{}[{index}]", self.name(key));
                    sections.push(Section::new(self.problems, path, Some(table)));
                }
                None => self.mismatch(key, item, "a table"),
            }
        }
        sections
    }

    /// Each key of this section with its table, all keys being the user's own.
    pub(super) fn entries(&self) -> Vec<(String, Section<'a, 'i>)> {
        let mut entries = Vec::new();
        for (key, value) in self.table.into_iter().flatten() {
            let name = key.get_ref().to_string();
            match value.get_ref().as_table() {
                Some(table) => {
                    let path = format!("{}.{name}", self.path);
                    entries.push((name, Section::new(self.problems, path, Some(table))));
                }
                None => self.mismatch(&name, value, "a table"),
            }
        }
        entries
    }

    /// Each key of this section with its string, all keys being the user's own.
    pub(super) fn strings_by_key(&self) -> Vec<(String, String)> {
        let mut entries = Vec::new();
        for (key, value) in self.table.into_iter().flatten() {
            match value.get_ref().as_str() {
                Some(text) => entries.push((key.get_ref().to_string(), text.to_owned())),
                None => self.mismatch(key.get_ref(), value, "a string"),
            }
        }
        entries
    }

    /// Each key of this section with what its string, or its table, comes to, all keys
    /// being the user's own.
    pub(super) fn strings_or_tables_by_key<T>(
        &self,
        of_string: impl Fn(String) -> T,
        of_table: impl Fn(Section<'a, 'i>) -> Option<T>,
    ) -> Vec<(String, T)> {
        let mut entries = Vec::new();
        for (key, value) in self.table.into_iter().flatten() {
            let name = key.get_ref().to_string();
            let read = self.read_string_or_table(&name, value, &of_string, &of_table);
            entries.extend(read.map(|read| (name, read)));
        }
        entries
    }

    /// What the string, or the table, `key` comes to.
    pub(super) fn string_or_table<T>(
        &self,
        key: &'static str,
        of_string: impl Fn(String) -> T,
        of_table: impl Fn(Section<'a, 'i>) -> Option<T>,
    ) -> Option<T> {
        self.read_string_or_table(key, self.take(key)?, &of_string, &of_table)
    }

    fn read_string_or_table<T>(
        &self,
        key: &str,
        value: &'a Spanned<DeValue<'i>>,
        of_string: &impl Fn(String) -> T,
        of_table: &impl Fn(Section<'a, 'i>) -> Option<T>,
    ) -> Option<T> {
        match value.get_ref() {
            DeValue::String(text) => Some(of_string(text.to_string())),
            DeValue::Table(table) => {
                let path = format!("{}.{key}", self.path);
                of_table(Section::new(self.problems, path, Some(table)))
            }
            _ => {
                self.mismatch(key, value, "a string, or a table such as { secret = \"NAME\" }");
                None
            }
        }
    }

    /// Whether `key` was written as a table.
    pub(super) fn is_table(&self, key: &str) -> bool {
        self.table.and_then(|table| table.get(key)).is_some_and(|value| value.get_ref().is_table())
    }

    /// Whether `key` was written, well or badly.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    pub(super) fn string(&self, key: &'static str) -> Option<String> {
        self.parse(key, "a string", |text| Ok::<_, String>(text.to_owned()))
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        self.scalar(key, "true or false", |value| match value {
            DeValue::Boolean(value) => Some(*value),
            DeValue::String(text) => text.parse().ok().filter(|_| self.overridden(key)),
            _ => None,
        })
    }

    pub(super) fn count(&self, key: &'static str) -> Option<u32> {
        self.scalar(key, "a number of at least 1", |value| {
            let text = match value {
                DeValue::Integer(number) => number.as_str(),
                DeValue::String(text) => text.as_ref(),
                _ => return None,
            };
            text.replace('_', "").parse().ok().filter(|&number| number > 0)
        })
    }

    /// A time such as `"500ms"`, `"30s"`, `"5m"` or `"1h"`.
    pub(super) fn duration(&self, key: &'static str) -> Option<Duration> {
        self.scalar(key, "a time such as \"500ms\", \"30s\" or \"5m\"", |value| duration(value.as_str()?))
    }

    /// A size in bytes, or such as `"64KiB"`, `"16MiB"` or `"2GiB"`.
    pub(super) fn bytes(&self, key: &'static str) -> Option<u64> {
        self.scalar(key, "a size in bytes, such as 65536 or \"64KiB\"", |value| match value {
            DeValue::Integer(number) => bytes(number.as_str()),
            DeValue::String(text) => bytes(text),
            _ => None,
        })
    }

    /// A string that `parse` understands.
    pub(super) fn parse<T, E: Display>(
        &self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Some(value) = self.overriding(key) else {
            let value = self.take(key)?;
            return match value.get_ref().as_str() {
                Some(text) => parse(text).map_err(|error| self.refuse(key, value, error)).ok(),
                None => {
                    self.mismatch(key, value, expected);
                    None
                }
            };
        };
        self.take(key);
        parse(&value).map_err(|error| self.refuse_variable(key, error)).ok()
    }

    /// A string, or an array of strings, that `FromStr` understands.
    pub(super) fn list<T>(&self, key: &'static str, expected: &str) -> Option<Vec<T>>
    where
        T: FromStr<Err: Display>,
    {
        self.list_or_tables(key, expected, |section| {
            section.problem(format!("expected {expected}, found a table"));
            None
        })
    }

    /// Likewise; an item that is a table is for `read`, which reports what is wrong.
    pub(super) fn list_or_tables<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl Fn(Section<'a, 'i>) -> Option<T>,
    ) -> Option<Vec<T>>
    where
        T: FromStr<Err: Display>,
    {
        if let Some(value) = self.overriding(key) {
            self.take(key);
            let items = value.split(',').map(str::trim);
            let parsed: Result<_, _> = items.map(T::from_str).collect();
            return parsed.map_err(|error| self.refuse_variable(key, error)).ok();
        }
        let value = self.take(key)?;
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut list = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => match text.parse() {
                    Ok(parsed) => list.push(parsed),
                    Err(error) => self.refuse(key, item, error),
                },
                DeValue::Table(table) => {
                    list.extend(read(Section::new(self.problems, self.name(key), Some(table))))
                }
                _ => self.mismatch(key, item, expected),
            }
        }
        Some(list)
    }

    /// Reports a problem of this section's own.
    pub(super) fn problem(&self, message: impl Display) {
        let at = self.table.and_then(|table| table.iter().next()).map(|(key, _)| key.span().start);
        self.problems.push(at, format!("{}: {message}", self.path));
        self.doubt();
    }

    fn doubt(&self) {
        self.problems.doubtful.borrow_mut().insert(self.path.clone());
    }

    /// Reports every key nobody asked for.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref();
            if known.iter().any(|known| known == name) {
                continue;
            }
            let nearest = nearest(name, &known);
            let place = if self.path.is_empty() { String::new() } else { format!(" in [{}]", self.path) };
            let hint = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("known keys: {}", known.join(", ")),
            };
            self.problems.push(Some(key.span().start), format!("unknown key `{name}`{place}; {hint}"));
            self.doubt();
        }
    }

    fn scalar<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Option<T> {
        if let Some(text) = self.overriding(key) {
            self.take(key);
            let value = DeValue::String(text.into());
            let read = read(&value);
            if read.is_none() {
                self.refuse_variable(key, format!("expected {expected}"));
            }
            return read;
        }
        let value = self.take(key)?;
        let read = read(value.get_ref());
        if read.is_none() {
            self.mismatch(key, value, expected);
        }
        read
    }

    fn take(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.known.borrow_mut().push(key);
        self.table?.get(key)
    }

    fn overriding(&self, key: &str) -> Option<String> {
        self.environment?(&variable(key))
    }

    fn overridden(&self, key: &str) -> bool {
        self.overriding(key).is_some()
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn mismatch(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) {
        let found = value.get_ref();
        let found = match found {
            DeValue::String(text) => format!("\"{text}\""),
            DeValue::Integer(number) => number.to_string(),
            other => format!("{} value", other.type_str()),
        };
        self.refuse(key, value, format!("expected {expected}, found {found}"));
    }

    fn refuse(&self, key: &str, value: &Spanned<DeValue<'_>>, error: impl Display) {
        let message = format!("{}: {error}", self.name(key));
        self.problems.push(Some(value.span().start), message);
        self.doubt();
    }

    fn refuse_variable(&self, key: &str, error: impl Display) {
        let message = format!("environment variable {}: {error}", variable(key));
        self.problems.found.borrow_mut().push(message);
        self.doubt();
    }
}

fn variable(key: &str) -> String {
    format!("PATCHBOARD_{}", key.to_ascii_uppercase())
}

fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text.get(..unit)?.parse().ok()?;
    let milliseconds = match text.get(unit..)?.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

fn bytes(text: &str) -> Option<u64> {
    let text = text.replace('_', "");
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text.get(..unit)?.parse().ok()?;
    let factor = match text.get(unit..)?.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// The known word that `word` is most likely a slip of.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let scored = known.iter().map(|known| (strsim::damerau_levenshtein(word, known), *known));
    scored.min().filter(|(distance, _)| *distance <= word.len().max(3) / 2).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("30", None),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(duration(text), expected.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("65536", Some(65_536)),
            ("64KiB", Some(65_536)),
            ("16 MiB", Some(16 << 20)),
            ("2GiB", Some(2 << 30)),
            ("64KB", None),
            ("", None),
            ("-1", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn the_nearest_key_is_a_likely_slip_only() {
        let known = ["listen", "drain_timeout", "handlers"];
        assert_eq!(nearest("listne", &known), Some("listen"));
        assert_eq!(nearest("drain_timout", &known), Some("drain_timeout"));
        assert_eq!(nearest("zzzzzzzzzz", &known), None);
    }
}
