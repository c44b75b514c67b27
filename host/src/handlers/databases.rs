//! The databases that are open, for all handlers that were granted them.

use std::collections::BTreeMap;

use arc_swap::ArcSwap;
use patchboard_sql::{Database, DatabaseConfig, PATIENCE, Start};

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

    /// Waits until all are ready; gives what is to be said of it, and what is wrong with
    /// those that never will be. What cannot be reached now is tried again.
    pub fn wait(&self) -> (Vec<String>, Vec<String>) {
        let (mut notices, mut problems) = (Vec::new(), Vec::new());
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => return (notices, vec![error.to_string()]),
        };
        for (name, (_, database)) in &**self.0.load() {
            match runtime.block_on(database.start(PATIENCE)) {
                Start::Ready(applied) if applied.is_empty() => {}
                Start::Ready(applied) => {
                    notices.push(format!("database {name}: applied the migrations {}", applied.join(", ")));
                }
                Start::Pending(problem) => {
                    let problem = problem.unwrap_or_else(|| format!("it takes longer than {PATIENCE:?}"));
                    notices.push(format!("database {name} is not ready yet: {problem}; it is tried again"));
                }
                Start::Failed(problem) => problems.push(format!("database {name}: {problem}")),
            }
        }
        (notices, problems)
    }

    /// The database of this name.
    pub(super) fn get(&self, name: &str) -> Option<Database> {
        self.0.load().get(name).map(|(_, database)| database.clone())
    }
}
