//! What the configuration says of the grants: their keys of `[handlers.NAME]` and of its
//! limits, and tables of their own, such as `[sql.NAME]`.

use std::fmt::Debug;
use std::path::Path;

use super::list::for_each_grant;
use crate::config::key::{Key, Table};
use crate::config::reader::Section;
use crate::config::value::Sources;
use crate::problem::Problem;

/// What is configured of a grant, for one handler.
pub(crate) trait Configured: Clone + Debug + Default + PartialEq + Eq + 'static {
    /// Its keys of `[handlers.NAME]`.
    const KEYS: &'static [Key<Self>] = &[];
    /// Its keys of `[handlers.NAME.limits]`.
    const LIMITS: &'static [Key<Self>] = &[];
    /// The key of its own tables, which say how what is granted is kept.
    const TABLES: Option<&'static str> = None;
    /// What these come to.
    type Tables: Clone + Debug + Default + PartialEq + Eq;

    /// Reads its own tables.
    fn tables(_: &Section<'_, '_>, _: &Context<'_>) -> Self::Tables {
        Self::Tables::default()
    }

    /// Reads what has no field from the handler's table.
    fn read(&mut self, _: &Section<'_, '_>, _: &Context<'_>, _: &Self::Tables) {}

    /// Adds what was granted without a table.
    fn complete<'a>(_: &mut Self::Tables, _: impl Iterator<Item = &'a Self>, _: &Context<'_>) {}

    /// The names of its own tables that nobody of `granted` uses.
    fn unused<'a>(_: &'a Self::Tables, _: &[&Self]) -> Vec<&'a str> {
        Vec::new()
    }

    /// Shows its own tables.
    fn visit_tables(_: &mut impl Visit) {}

    /// Lets what the handler changes be in `folder`, or in memory, for a test.
    fn fake(&mut self, _folder: &Path) {}

    /// Likewise of its own tables.
    fn fake_tables(_: &mut Self::Tables, _folder: &Path) {}
}

/// Where the configuration is, and where it finds what is not written in it.
pub(crate) struct Context<'a> {
    /// The folder of the file, which paths are relative to.
    pub(crate) folder: &'a Path,
    pub(crate) data_dir: &'a Path,
    pub(crate) sources: Sources<'a>,
}

/// Who wants to see what is declared.
pub(crate) trait Visit {
    fn keys<T: Default>(&mut self, keys: &'static [Key<T>]);
    fn table<T: Default + PartialEq + Debug>(&mut self, table: &'static Table<T>);
}

macro_rules! configs {
    ($($name:ident: $grant:ident,)*) => {
        /// What a handler is granted.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub(crate) struct GrantsConfig {
            $(pub(crate) $name: super::$name::keys::Config,)*
        }

        /// How what is granted is kept.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub(crate) struct Tables {
            $(pub(crate) $name: <super::$name::keys::Config as Configured>::Tables,)*
        }

        impl GrantsConfig {
            pub(crate) fn read(
                section: &Section<'_, '_>,
                limits: &Section<'_, '_>,
                context: &Context<'_>,
                tables: &Tables,
            ) -> Self {
                let mut granted = Self::default();
                $(
                    let own = &mut granted.$name;
                    super::$name::keys::Config::KEYS.iter().for_each(|key| key.read(section, own));
                    super::$name::keys::Config::LIMITS.iter().for_each(|key| key.read(limits, own));
                    own.read(section, context, &tables.$name);
                )*
                granted
            }

            /// Lets what the handler changes be in `folder`, or in memory, for a test.
            pub(crate) fn fake(&mut self, folder: &Path) {
                $(self.$name.fake(folder);)*
            }

            /// The keys of `[handlers.NAME]`.
            pub(crate) fn names() -> Vec<&'static str> {
                let mut names = Vec::new();
                $(names.extend(super::$name::keys::Config::KEYS.iter().map(|key| key.name));)*
                names
            }

            /// The keys of `[handlers.NAME.limits]`.
            pub(crate) fn names_of_limits() -> Vec<&'static str> {
                let mut names = Vec::new();
                $(names.extend(super::$name::keys::Config::LIMITS.iter().map(|key| key.name));)*
                names
            }

            pub(crate) fn visit_keys(visit: &mut impl Visit) {
                $(visit.keys(super::$name::keys::Config::KEYS);)*
            }

            pub(crate) fn visit_limits(visit: &mut impl Visit) {
                $(visit.keys(super::$name::keys::Config::LIMITS);)*
            }

            pub(crate) fn visit_tables(visit: &mut impl Visit) {
                $(super::$name::keys::Config::visit_tables(visit);)*
            }
        }

        impl Tables {
            pub(crate) fn read(root: &Section<'_, '_>, context: &Context<'_>) -> Self {
                let mut tables = Self::default();
                $(
                    if let Some(key) = super::$name::keys::Config::TABLES {
                        tables.$name = super::$name::keys::Config::tables(&root.section(key), context);
                    }
                )*
                tables
            }

            /// Adds what was `granted` without a table.
            pub(crate) fn complete(&mut self, granted: &[&GrantsConfig], context: &Context<'_>) {
                $(
                    let of_handlers = granted.iter().map(|granted| &granted.$name);
                    super::$name::keys::Config::complete(&mut self.$name, of_handlers, context);
                )*
            }

            /// Lets what is kept be in `folder`, or in memory, for a test.
            pub(crate) fn fake(&mut self, folder: &Path) {
                $(super::$name::keys::Config::fake_tables(&mut self.$name, folder);)*
            }

            /// The keys of those that say something else than in `other`.
            pub(crate) fn differences(&self, other: &Self) -> Vec<&'static str> {
                let mut differences = Vec::new();
                $(
                    let differs = self.$name != other.$name;
                    differences.extend(super::$name::keys::Config::TABLES.filter(|_| differs));
                )*
                differences
            }

            /// Says of each that no handler is granted it.
            pub(crate) fn unused<'a>(&self, handlers: impl Iterator<Item = &'a GrantsConfig>) -> Vec<Problem> {
                let handlers: Vec<_> = handlers.collect();
                let mut unused = Vec::new();
                $(
                    let granted: Vec<_> = handlers.iter().map(|handler| &handler.$name).collect();
                    let key = super::$name::keys::Config::TABLES.unwrap_or_default();
                    for name in super::$name::keys::Config::unused(&self.$name, &granted) {
                        let wrong = format!("[{key}.{name}] is configured, but no handler is granted it");
                        let remedy = format!("add {key} = \"{name}\" to one, or remove the table");
                        unused.push(Problem::new(format!("{key}.{name}"), wrong).remedy(remedy));
                    }
                )*
                unused
            }

            /// Their keys in the file.
            pub(crate) fn names() -> Vec<&'static str> {
                [$(super::$name::keys::Config::TABLES,)*].into_iter().flatten().collect()
            }
        }
    };
}
for_each_grant!(configs);
