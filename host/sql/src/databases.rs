//! All databases of a server: tried, opened and replaced together.
//!
//! What replaces others is opened beside them, and takes their place only when it is
//! there; what cannot be is dropped, and they go on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::{Backend, Database, DatabaseConfig, PATIENCE, Start, Trial, postgres, sqlite};

type Open = BTreeMap<String, (DatabaseConfig, Database)>;

/// What is wrong with the database of a name.
pub type Wrong = (String, String);

/// The databases by name, for all who were granted them.
#[derive(Debug, Default)]
pub struct Databases(ArcSwap<Open>);

/// Databases that are to take the place of others.
#[derive(Debug)]
pub struct Opened {
    open: Open,
    /// How far those have come that are ready after migrations, or not ready yet.
    pub news: Vec<(String, Start)>,
}

impl Databases {
    /// The database of this name.
    pub fn get(&self, name: &str) -> Option<Database> {
        self.0.load().get(name).map(|(_, database)| database.clone())
    }

    /// Tries `config` as the database `name`; none where it is open like this already.
    /// Takes as long as its migrations do, and changes nothing: all that are pending are
    /// applied in one transaction, which is rolled back. Each is applied in one of its own
    /// later, so none may end it.
    pub fn try_out(&self, name: &str, config: &DatabaseConfig) -> Option<Trial> {
        (!self.is_open(name, config)).then(|| match &config.backend {
            Backend::Sqlite(path) => sqlite::try_out(path, config),
            Backend::Postgres(url) => postgres::try_out(url, config),
        })
    }

    /// Opens those of `configs` that are new or have changed beside what is open, brings
    /// their schemas up to date, and waits for their migrations up to `patience` in all. A
    /// server that cannot be reached is not waited for, but tried again.
    ///
    /// # Errors
    ///
    /// All that can never be used as they are configured.
    pub fn open(
        &self,
        configs: &BTreeMap<String, DatabaseConfig>,
        patience: Duration,
    ) -> Result<Opened, Vec<Wrong>> {
        let (before, mut wrong, mut open) = (self.0.load(), Vec::new(), Open::new());
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => return Err(configs.keys().map(|name| (name.clone(), error.to_string())).collect()),
        };
        for (name, config) in configs {
            let database = match before.get(name) {
                Some((same, database)) if same == config => Ok(database.clone()),
                _ => Database::open(name, config),
            };
            match database {
                Ok(database) => drop(open.insert(name.clone(), (config.clone(), database))),
                Err(error) => wrong.push((name.clone(), error.to_string())),
            }
        }
        let (mut news, deadline) = (Vec::new(), Instant::now() + patience);
        for (name, (config, database)) in &open {
            if self.is_open(name, config) {
                continue;
            }
            let left = || deadline.saturating_duration_since(Instant::now());
            let mut start = runtime.block_on(database.first_news(left().min(PATIENCE)));
            if start == Start::Pending(None) {
                // It is at its migrations.
                start = runtime.block_on(database.first_news(left()));
            }
            match start {
                Start::Ready(applied) if applied.is_empty() => {}
                Start::Failed(problem) => wrong.push((name.clone(), problem)),
                start => news.push((name.clone(), start)),
            }
        }
        if wrong.is_empty() { Ok(Opened { open, news }) } else { Err(wrong) }
    }

    /// Puts `opened` in the place of what is open; statements under way go on.
    pub fn replace(&self, opened: Opened) {
        self.0.store(opened.open.into());
    }

    fn is_open(&self, name: &str, config: &DatabaseConfig) -> bool {
        self.0.load().get(name).is_some_and(|(same, _)| same == config)
    }
}
