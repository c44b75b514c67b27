//! The databases that are open, for all handlers that were granted them.

use std::collections::BTreeMap;
use std::time::Duration;

use arc_swap::ArcSwap;
use patchboard_sql::{Database, DatabaseConfig, Start};

/// How long a database may take to be ready before the server starts without it.
const PATIENCE: Duration = Duration::from_secs(10);

type Open = BTreeMap<String, (DatabaseConfig, Database)>;

/// The databases by name.
#[derive(Debug, Default)]
pub struct Databases(ArcSwap<Open>);

impl Databases {
    /// Opens those of `configs` that are new or have changed, and forgets those that are
    /// not among them; statements under way go on. Gives what is wrong.
    pub fn configure(&self, configs: &BTreeMap<String, DatabaseConfig>) -> Vec<String> {
        let (before, mut problems, mut open) = (self.0.load(), Vec::new(), Open::new());
        for (name, config) in configs {
            let database = match before.get(name) {
                Some((same, database)) if same == config => Ok(database.clone()),
                _ => Database::open(name, config),
            };
            match database {
                Ok(database) => drop(open.insert(name.clone(), (config.clone(), database))),
                Err(error) => problems.push(format!("database {name}: {error}")),
            }
        }
        self.0.store(open.into());
        problems
    }

    /// Waits until all are ready; gives what is wrong with those that never will be.
    /// What cannot be reached now is tried again, and said in the log.
    pub fn wait(&self) -> Vec<String> {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => return vec![error.to_string()],
        };
        let mut problems = Vec::new();
        for (name, (_, database)) in &**self.0.load() {
            match runtime.block_on(database.start(PATIENCE)) {
                Start::Ready => {}
                Start::Pending(problem) => {
                    let problem = problem.unwrap_or_else(|| format!("it takes longer than {PATIENCE:?}"));
                    tracing::warn!(
                        "database {name} is not ready yet, and does not hold up the start: {problem}"
                    );
                }
                Start::Failed(problem) => problems.push(format!("database {name}: {problem}")),
            }
        }
        problems
    }

    /// The database of this name.
    pub(super) fn get(&self, name: &str) -> Option<Database> {
        self.0.load().get(name).map(|(_, database)| database.clone())
    }
}
