//! Reads a table of the configuration key by key and collects every problem.
//!
//! Which keys there are is [`declared`](super::key); others are reported, each with the
//! nearest known one. A key of `[server]` may be given by an environment variable
//! instead, which then wins over the file.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::unit::either;
use crate::problem::Problem;

/// The problems found so far, and the text that lines are counted in.
pub(crate) struct Problems<'i> {
    file: String,
    text: &'i str,
    found: RefCell<Vec<Problem>>,
    /// The sections of which something is not as it was meant.
    doubtful: RefCell<BTreeSet<String>>,
    /// Where each section and key was found.
    places: RefCell<Places>,
}

/// Where sections and keys, such as `server.listen`, were found.
pub(crate) type Places = BTreeMap<String, String>;

/// Looks an environment variable up.
pub(crate) type Lookup = dyn Fn(&str) -> Option<String>;

/// A table that is being read.
pub(crate) struct Section<'a, 'i> {
    problems: &'a Problems<'i>,
    path: String,
    table: Option<&'a DeTable<'i>>,
    /// Where the table begins.
    at: Option<usize>,
    environment: Option<&'a Lookup>,
}

impl<'i> Problems<'i> {
    pub(crate) fn new(file: String, text: &'i str) -> Self {
        Self {
            file,
            text,
            found: RefCell::default(),
            doubtful: RefCell::default(),
            places: RefCell::default(),
        }
    }

    /// With the line of `at`, where it is known.
    pub(crate) fn push(&self, at: Option<usize>, wrong: impl Display, remedy: &str) {
        self.push_elsewhere(self.place(at), wrong, remedy);
    }

    /// The file, with the line of `at`, where it is known.
    fn place(&self, at: Option<usize>) -> String {
        let line = at.map(|offset| {
            let before = self.text.get(..offset).unwrap_or_default();
            format!(":{}", before.matches('\n').count() + 1)
        });
        format!("{}{}", self.file, line.unwrap_or_default())
    }

    /// Notes where `name` was found.
    pub(crate) fn note(&self, name: impl Into<String>, place: impl Into<String>) {
        self.places.borrow_mut().insert(name.into(), place.into());
    }

    /// With the place where the key `name` was found.
    pub(crate) fn push_at(&self, name: &str, wrong: impl Display, remedy: &str) {
        let place = self.places.borrow().get(name).cloned();
        self.push_elsewhere(place.unwrap_or_else(|| self.file.clone()), wrong, remedy);
    }

    /// With a place that is not in the file.
    pub(crate) fn push_elsewhere(&self, place: impl Into<String>, wrong: impl Display, remedy: &str) {
        let problem = Problem::new(place, one_line(&wrong.to_string())).remedy(remedy);
        self.found.borrow_mut().push(problem);
    }

    /// Parses the text of the file.
    pub(crate) fn parse(&self) -> Option<Spanned<DeTable<'i>>> {
        let error = match DeTable::parse(self.text) {
            Ok(parsed) => return Some(parsed),
            Err(error) => error,
        };
        let span = error.span();
        let key = span.clone().and_then(|span| self.text.get(span)).filter(|key| !key.is_empty());
        let at = span.map(|span| span.start);
        match key {
            Some(key) if error.message() == "duplicate key" => {
                self.push(at, format!("`{key}` is there twice"), "keep one of them");
            }
            _ => self.push(at, error.message(), "correct that line"),
        }
        None
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// Them, the sections of which something is not as it was meant, and where all was found.
    pub(crate) fn into_inner(self) -> (Vec<Problem>, BTreeSet<String>, Places) {
        (self.found.into_inner(), self.doubtful.into_inner(), self.places.into_inner())
    }
}

/// A regex's error is a drawing of several lines, the last of which says what is wrong.
fn one_line(text: &str) -> String {
    match (text.split_once("regex parse error:\n"), text.rsplit_once("\nerror: ")) {
        (Some((before, _)), Some((_, wrong))) => format!("{before}{wrong}"),
        _ => text.replace('\n', " "),
    }
}

impl<'a, 'i> Section<'a, 'i> {
    /// The whole of a file.
    pub(crate) fn root(problems: &'a Problems<'i>, table: &'a DeTable<'i>) -> Self {
        Self { problems, path: String::new(), table: Some(table), at: None, environment: None }
    }

    fn below(&self, path: String, value: Option<&'a Spanned<DeValue<'i>>>) -> Self {
        let table = value.and_then(|value| value.get_ref().as_table());
        let at = value.map(|value| value.span().start);
        if at.is_some() {
            self.problems.note(path.clone(), self.problems.place(at));
        }
        Self { problems: self.problems, path, table, at, environment: None }
    }

    /// Lets `PATCHBOARD_KEY` stand for `key` of this section.
    pub(crate) fn with_environment(self, lookup: &'a Lookup) -> Self {
        Self { environment: Some(lookup), ..self }
    }

    /// Reports every key that is not `known`.
    pub(crate) fn report_unknown(&self, known: &[&str]) {
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref();
            if known.iter().any(|known| known == name) {
                continue;
            }
            let place = if self.path.is_empty() { String::new() } else { format!(" in [{}]", self.path) };
            let remedy = match nearest(name, known) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("known keys: {}", known.join(", ")),
            };
            let wrong = format!("unknown key `{}`{place}", name.escape_debug());
            self.problems.push(Some(key.span().start), wrong, &remedy);
            self.doubt();
        }
    }

    /// The table `key`, or an empty one.
    pub(crate) fn section(&self, key: &str) -> Section<'a, 'i> {
        let value = self.take(key).filter(|value| {
            let is_table = value.get_ref().is_table();
            if !is_table {
                self.mismatch(key, value, "a table");
            }
            is_table
        });
        self.below(self.name(key), value)
    }

    /// The tables of the array `key`.
    pub(crate) fn sections(&self, key: &str) -> Vec<Section<'a, 'i>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.mismatch(key, value, "an array of tables");
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item.get_ref().is_table() {
                true => sections.push(self.below(format!("{}[{index}]", self.name(key)), Some(item))),
                false => self.mismatch(key, item, "a table"),
            }
        }
        sections
    }

    /// Each key of this section with its table, all keys being the user's own.
    pub(crate) fn entries(&self) -> Vec<(String, Section<'a, 'i>)> {
        let mut entries = Vec::new();
        for (key, value) in self.table.into_iter().flatten() {
            let name = key.get_ref().to_string();
            match value.get_ref().is_table() {
                true => {
                    let section = self.below(format!("{}.{name}", self.path), Some(value));
                    entries.push((name, section));
                }
                false => self.mismatch(&name, value, "a table"),
            }
        }
        entries
    }

    /// Each key of this section with its string, all keys being the user's own.
    pub(crate) fn strings_by_key(&self) -> Vec<(String, String)> {
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
    pub(crate) fn strings_or_tables_by_key<T>(
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
    pub(crate) fn string_or_table<T>(
        &self,
        key: &str,
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
            DeValue::Table(_) => of_table(self.below(format!("{}.{key}", self.path), Some(value))),
            _ => {
                self.mismatch(key, value, "a string, or a table such as { secret = \"NAME\" }");
                None
            }
        }
    }

    /// Whether `key` was written as a table.
    pub(crate) fn is_table(&self, key: &str) -> bool {
        self.take(key).is_some_and(|value| value.get_ref().is_table())
    }

    /// Whether `key` was written, well or badly.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.take(key).is_some()
    }

    /// Whether `key` was written as an array of nothing.
    pub(crate) fn is_empty(&self, key: &str) -> bool {
        self.take(key).and_then(|value| value.get_ref().as_array()).is_some_and(|items| items.is_empty())
    }

    /// Whether `key` was written, or given by a variable.
    pub(crate) fn is_given(&self, key: &str) -> bool {
        self.has(key) || self.overriding(key).is_some()
    }

    pub(crate) fn string(&self, key: &str) -> Option<String> {
        self.parse(key, "a string", |text| Ok::<_, String>(text.to_owned()))
    }

    pub(crate) fn boolean(&self, key: &str) -> Option<bool> {
        self.scalar(key, "true or false", |value| match value {
            DeValue::Boolean(value) => Some(*value),
            DeValue::String(text) => text.parse().ok().filter(|_| self.overriding(key).is_some()),
            _ => None,
        })
    }

    /// A number as `read` understands its digits, also where they are written as a string.
    pub(crate) fn number(
        &self,
        key: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<u64>,
    ) -> Option<u64> {
        self.scalar(key, expected, |value| match value {
            DeValue::Integer(number) => read(&number.as_str().replace('_', "")),
            DeValue::String(text) => read(text),
            _ => None,
        })
    }

    /// One of `words`.
    pub(crate) fn word(&self, key: &str, words: &[&'static str]) -> Option<&'static str> {
        self.parse(key, &either(words), |text| {
            let known = words.iter().find(|word| **word == text).copied();
            known.ok_or_else(|| format!("expected {}, found \"{}\"", either(words), text.escape_debug()))
        })
    }

    /// A string that `parse` understands.
    pub(crate) fn parse<T, E: Display>(
        &self,
        key: &str,
        expected: &str,
        mut parse: impl FnMut(&str) -> Result<T, E>,
    ) -> Option<T> {
        if let Some(value) = self.overriding(key) {
            return parse(&value).map_err(|error| self.refuse_variable(key, error)).ok();
        }
        let value = self.take(key)?;
        match value.get_ref().as_str() {
            Some(text) => parse(text).map_err(|error| self.refuse(key, value, error)).ok(),
            None => {
                self.mismatch(key, value, expected);
                None
            }
        }
    }

    /// Each string of an array, or the only one, that `parse` understands.
    pub(crate) fn list<T, E: Display>(
        &self,
        key: &str,
        expected: &str,
        parse: impl FnMut(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        self.list_or_tables(key, expected, parse, |section| {
            section.problem(format!("expected {expected}, found a table"));
            None
        })
    }

    /// Likewise; an item that is a table is for `read`, which reports what is wrong.
    pub(crate) fn list_or_tables<T, E: Display>(
        &self,
        key: &str,
        expected: &str,
        mut parse: impl FnMut(&str) -> Result<T, E>,
        read: impl Fn(Section<'a, 'i>) -> Option<T>,
    ) -> Option<Vec<T>> {
        if let Some(value) = self.overriding(key) {
            let items = value.split(',').map(|item| parse(item.trim()));
            let parsed: Result<_, _> = items.collect();
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
                DeValue::String(text) => match parse(text) {
                    Ok(parsed) => list.push(parsed),
                    Err(error) => self.refuse(key, item, error),
                },
                DeValue::Table(_) => list.extend(read(self.below(self.name(key), Some(item)))),
                _ => self.mismatch(key, item, expected),
            }
        }
        Some(list)
    }

    /// Reports a problem of this section's own.
    pub(crate) fn problem(&self, wrong: impl Display) {
        self.problem_with(wrong, "");
    }

    /// Reports a problem of this section's own, and what to do about it.
    pub(crate) fn problem_with(&self, wrong: impl Display, remedy: &str) {
        let first = self.table.into_iter().flatten().map(|(key, _)| key.span().start).min();
        self.problems.push(first.or(self.at), format!("{}: {wrong}", self.path), remedy);
        self.doubt();
    }

    fn doubt(&self) {
        self.problems.doubtful.borrow_mut().insert(self.path.clone());
    }

    /// Reports a problem with the value of `key`, wherever it was given.
    pub(crate) fn problem_at(&self, key: &str, wrong: impl Display) {
        match self.take(key) {
            _ if self.overriding(key).is_some() => self.refuse_variable(key, wrong),
            Some(value) => self.refuse(key, value, wrong),
            None => self.problem(wrong),
        }
    }

    pub(crate) fn scalar<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Option<T> {
        if let Some(text) = self.overriding(key) {
            let found = text.escape_debug().to_string();
            let read = read(&DeValue::String(text.into()));
            if read.is_none() {
                self.refuse_variable(key, format!("expected {expected}, found \"{found}\""));
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

    fn take(&self, key: &str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.table?.get(key)
    }

    /// Notes where `key` was given, for what is found wrong with it later.
    pub(crate) fn note(&self, key: &str) {
        let place = match (self.overriding(key), self.take(key)) {
            (Some(_), _) => format!("environment variable {}", variable(key)),
            (None, Some(value)) => self.problems.place(Some(value.span().start)),
            (None, None) => return,
        };
        self.problems.note(self.name(key), place);
    }

    /// Notes where `key` was written, by another `name`.
    pub(crate) fn note_as(&self, key: &str, name: String) {
        let at = self.take(key).map(|value| value.span().start);
        self.problems.note(name, self.problems.place(at.or(self.at)));
    }

    fn overriding(&self, key: &str) -> Option<String> {
        self.environment?(&variable(key))
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn mismatch(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) {
        let found = match value.get_ref() {
            DeValue::String(text) => format!("\"{}\"", text.escape_debug()),
            DeValue::Integer(number) => number.to_string(),
            other => format!("{} value", other.type_str()),
        };
        self.refuse(key, value, format!("expected {expected}, found {found}"));
    }

    fn refuse(&self, key: &str, value: &Spanned<DeValue<'_>>, error: impl Display) {
        self.problems.push(Some(value.span().start), format!("{}: {error}", self.name(key)), "");
        self.doubt();
    }

    fn refuse_variable(&self, key: &str, error: impl Display) {
        self.problems.push_elsewhere(format!("environment variable {}", variable(key)), error, "");
        self.doubt();
    }
}

/// The environment variable that may stand for `key`.
pub(crate) fn variable(key: &str) -> String {
    format!("PATCHBOARD_{}", key.to_ascii_uppercase())
}

/// The known word that `word` is most likely a slip of.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    nearest_within(word.len().max(3) / 2, word, known)
}

/// The known word that is nearest, and no further than `most` slips.
pub(crate) fn nearest_within<'k>(most: usize, word: &str, known: &[&'k str]) -> Option<&'k str> {
    let scored = known.iter().map(|known| (strsim::damerau_levenshtein(word, known), *known));
    scored.min().filter(|(distance, _)| *distance <= most).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_a_likely_slip_only() {
        let known = ["listen", "drain_timeout", "handlers"];
        assert_eq!(nearest("listne", &known), Some("listen"));
        assert_eq!(nearest("drain_timout", &known), Some("drain_timeout"));
        assert_eq!(nearest("zzzzzzzzzz", &known), None);
    }

    #[test]
    fn the_error_of_a_regex_is_one_line() {
        let error = regex_syntax::parse("[a-").unwrap_err();
        let line = one_line(&format!("the regex `[a-`: {error}"));
        assert_eq!(line, "the regex `[a-`: unclosed character class");
    }
}
