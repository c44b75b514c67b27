//! What is declared of a key, once: its name, its kind, its bounds, and what it means.
//!
//! A [`Table`] of the configuration lists its keys, and each says which field it is read
//! into. Reading, the bounds, the hint at an unknown key and the page of the reference
//! follow from that; a default is what the field has before anything is read.

use std::time::Duration;

use super::reader::Section;
use super::unit::{bytes, duration, either, quoted, show_bytes, show_duration};

/// The shortest time-out: less than that is over before anything could be done.
const SHORTEST: Duration = Duration::from_millis(1);
/// The longest time, for each key the same: SQLite and PostgreSQL count milliseconds in
/// 31 bits, and the sum of a few of these and of a clock cannot overflow.
const LONGEST: Duration = Duration::from_secs(24 * 24 * 3600);

/// A table of the configuration, which is read into a `T`.
pub(crate) struct Table<T: 'static> {
    /// How it is written in the file, such as `[server]`.
    pub(crate) header: &'static str,
    /// What messages call one, where some keys are required.
    pub(crate) noun: &'static str,
    /// What it is for, in one line or a few.
    pub(crate) intro: &'static str,
    /// Lines of a configuration that show it.
    pub(crate) example: &'static str,
    pub(crate) keys: &'static [Key<T>],
}

/// A key of a table that is read into a `T`.
pub(crate) struct Key<T: 'static> {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind<T>,
    pub(crate) default: Unset<T>,
    /// What it means, in one line or two.
    pub(crate) text: &'static str,
    /// Whether a running server keeps the value that it was started with.
    pub(crate) restart: bool,
}

/// Adds what is written to a list.
type Push<T> = fn(&mut T, &str) -> Result<(), String>;

/// What is written, and the field that it is read into.
pub(crate) enum Kind<T> {
    Time {
        field: fn(&mut T) -> &mut Duration,
        least: Duration,
    },
    Bytes {
        field: fn(&mut T) -> &mut u64,
        least: u64,
    },
    Count {
        field: fn(&mut T) -> &mut dyn Number,
        least: u64,
        most: u64,
    },
    Boolean(fn(&mut T) -> &mut bool),
    /// One of a few words.
    Word {
        words: &'static [&'static str],
        set: fn(&mut T, &str),
    },
    /// A string that `set` understands.
    Text {
        expected: &'static str,
        set: fn(&mut T, &str) -> Result<(), String>,
    },
    /// A string that `push` understands, or an array of them, in place of what is there.
    List {
        item: &'static str,
        clear: fn(&mut T),
        push: Push<T>,
    },
    /// What is read by the function that reads the rest of the table.
    Other(&'static str),
}

/// What holds where a key is not written.
pub(crate) enum Unset<T> {
    /// What the field of its kind has.
    Field,
    /// What this shows, as it would be written.
    Shown(fn(&T) -> String),
    /// What this says.
    Said(&'static str),
    /// The table is refused without the key.
    Required,
}

/// A field that holds a number.
pub(crate) trait Number {
    fn get(&self) -> u64;
    fn set(&mut self, value: u64);
}

macro_rules! number {
    ($($type:ty)*) => {$(
        impl Number for $type {
            fn get(&self) -> u64 {
                u64::try_from(*self).unwrap_or(u64::MAX)
            }

            fn set(&mut self, value: u64) {
                *self = Self::try_from(value).unwrap_or(Self::MAX);
            }
        }
    )*};
}

number!(u32 u64 usize);

impl<T> Table<T> {
    /// Reads the keys that have a field `into` it, and reports those that are missing or
    /// not declared.
    pub(crate) fn read(&self, section: &Section<'_, '_>, into: &mut T) {
        self.read_beside(section, into, &[]);
    }

    /// Likewise, where others read the keys `others` of the same table.
    pub(crate) fn read_beside(&self, section: &Section<'_, '_>, into: &mut T, others: &[&'static str]) {
        self.keys.iter().for_each(|key| key.read(section, into));
        let required = || self.keys.iter().filter(|key| key.is_required());
        if !required().all(|key| section.has(key.name)) {
            let names: Vec<_> = required().map(|key| format!("`{}`", key.name)).collect();
            section.problem(format!("{} needs {}", self.noun, names.join(" and ")));
        }
        let known = self.keys.iter().map(|key| key.name).chain(others.iter().copied());
        section.report_unknown(&known.collect::<Vec<_>>());
    }
}

impl<T> Key<T> {
    const fn new(name: &'static str, kind: Kind<T>, default: Unset<T>, text: &'static str) -> Self {
        Self { name, kind, default, text, restart: false }
    }

    /// A time-out, which is longer than nothing.
    pub(crate) const fn timeout(
        name: &'static str,
        field: fn(&mut T) -> &mut Duration,
        text: &'static str,
    ) -> Self {
        Self::new(name, Kind::Time { field, least: SHORTEST }, Unset::Field, text)
    }

    /// A time that may be none at all.
    pub(crate) const fn delay(
        name: &'static str,
        field: fn(&mut T) -> &mut Duration,
        text: &'static str,
    ) -> Self {
        Self::new(name, Kind::Time { field, least: Duration::ZERO }, Unset::Field, text)
    }

    /// A size of at least `least` bytes.
    pub(crate) const fn bytes(
        name: &'static str,
        least: u64,
        field: fn(&mut T) -> &mut u64,
        text: &'static str,
    ) -> Self {
        Self::new(name, Kind::Bytes { field, least }, Unset::Field, text)
    }

    /// A number of at least `least`.
    pub(crate) const fn count(
        name: &'static str,
        least: u64,
        field: fn(&mut T) -> &mut dyn Number,
        text: &'static str,
    ) -> Self {
        Self::new(name, Kind::Count { field, least, most: u32::MAX as u64 }, Unset::Field, text)
    }

    pub(crate) const fn boolean(
        name: &'static str,
        field: fn(&mut T) -> &mut bool,
        text: &'static str,
    ) -> Self {
        Self::new(name, Kind::Boolean(field), Unset::Field, text)
    }

    pub(crate) const fn word(
        name: &'static str,
        words: &'static [&'static str],
        set: fn(&mut T, &str),
        default: Unset<T>,
        text: &'static str,
    ) -> Self {
        Self::new(name, Kind::Word { words, set }, default, text)
    }

    pub(crate) const fn text(
        name: &'static str,
        expected: &'static str,
        set: fn(&mut T, &str) -> Result<(), String>,
        default: Unset<T>,
        text: &'static str,
    ) -> Self {
        Self::new(name, Kind::Text { expected, set }, default, text)
    }

    pub(crate) const fn list(
        name: &'static str,
        item: &'static str,
        (clear, push): (fn(&mut T), Push<T>),
        default: Unset<T>,
        text: &'static str,
    ) -> Self {
        Self::new(name, Kind::List { item, clear, push }, default, text)
    }

    pub(crate) const fn other(
        name: &'static str,
        expected: &'static str,
        default: Unset<T>,
        text: &'static str,
    ) -> Self {
        Self::new(name, Kind::Other(expected), default, text)
    }

    /// With `most` as the largest number.
    pub(crate) const fn at_most(mut self, limit: u64) -> Self {
        if let Kind::Count { most, .. } = &mut self.kind {
            *most = limit;
        }
        self
    }

    /// With a default that is not the field's, but depends on something else.
    pub(crate) const fn by_default(mut self, default: &'static str) -> Self {
        self.default = Unset::Said(default);
        self
    }

    pub(crate) const fn needs_restart(mut self) -> Self {
        self.restart = true;
        self
    }

    pub(crate) fn is_required(&self) -> bool {
        matches!(self.default, Unset::Required)
    }

    /// Reads the key into its field, where it is written; says what is wrong otherwise.
    pub(crate) fn read(&self, section: &Section<'_, '_>, into: &mut T) {
        let (name, expected) = (self.name, self.expected());
        match &self.kind {
            Kind::Time { field, least } => {
                let fits = |time: &Duration| (*least..=LONGEST).contains(time);
                let time = section.scalar(name, &expected, |value| duration(value.as_str()?).filter(fits));
                time.into_iter().for_each(|time| *field(into) = time);
            }
            Kind::Bytes { field, least } => {
                let size = section.number(name, &expected, |text| bytes(text).filter(|size| size >= least));
                size.into_iter().for_each(|size| *field(into) = size);
            }
            Kind::Count { field, least, most } => {
                let fits = |number: &u64| (*least..=*most).contains(number);
                let number = section.number(name, &expected, |text| text.parse().ok().filter(fits));
                number.into_iter().for_each(|number| field(into).set(number));
            }
            Kind::Boolean(field) => {
                section.boolean(name).into_iter().for_each(|written| *field(into) = written);
            }
            Kind::Word { words, set } => _ = section.word(name, words).map(|word| set(into, word)),
            Kind::Text { set, .. } => _ = section.parse(name, &expected, |text| set(into, text)),
            Kind::List { item, clear, push } => {
                if section.is_given(name) {
                    clear(into);
                    section.list(name, item, |text| push(into, text));
                }
            }
            Kind::Other(_) => {}
        }
    }

    /// The default, as it would be written, or as a text that says it.
    pub(crate) fn default(&self, of: &mut T) -> String {
        match (&self.default, &self.kind) {
            (Unset::Required, _) => String::new(),
            (Unset::Said(text), _) => (*text).to_owned(),
            (Unset::Shown(show), _) => show(of),
            (Unset::Field, Kind::Time { field, .. }) => quoted(show_duration(*field(of))),
            (Unset::Field, Kind::Bytes { field, .. }) => show_bytes(*field(of)),
            (Unset::Field, Kind::Count { field, .. }) => field(of).get().to_string(),
            (Unset::Field, Kind::Boolean(field)) => field(of).to_string(),
            (Unset::Field, _) => "none".to_owned(),
        }
    }

    /// What is to be written, with its bounds.
    pub(crate) fn bounds(&self) -> String {
        match &self.kind {
            Kind::Time { least, .. } => {
                format!("a time from {} to {}", show_duration(*least), show_duration(LONGEST))
            }
            Kind::Bytes { least: 0, .. } => "a size".to_owned(),
            Kind::Bytes { least: 1, .. } => "a size of at least one byte".to_owned(),
            Kind::Bytes { least, .. } => format!("a size of at least {}", show_bytes(*least)),
            Kind::Count { least: 0, most, .. } if *most == u64::from(u32::MAX) => "a number".to_owned(),
            Kind::Count { least, most, .. } if *most == u64::from(u32::MAX) => {
                format!("a number of at least {least}")
            }
            Kind::Count { least, most, .. } => format!("a number from {least} to {most}"),
            Kind::Boolean(_) => "true or false".to_owned(),
            Kind::Word { words, .. } => either(words),
            Kind::List { item, .. } => format!("{item}, or a list of them"),
            Kind::Text { expected, .. } | Kind::Other(expected) => (*expected).to_owned(),
        }
    }

    /// Likewise, with an example where there is none in it.
    fn expected(&self) -> String {
        let example = match &self.kind {
            Kind::Time { .. } => ", such as \"500ms\", \"30s\" or \"5m\"",
            Kind::Bytes { .. } => ", such as 65536 or \"64KiB\"",
            _ => "",
        };
        self.bounds() + example
    }
}
