//! The databases that are open, and what becomes of those that are asked.

use std::sync::Arc;
use std::time::Duration;

use patchboard_sql::{Backend, DatabaseConfig, Databases, Opened, PATIENCE, Start, Trial};

use crate::handlers::grants::shared::{Around, Asked, Findings, News, Shared};
use crate::problem::Problem;
use crate::writable::may_write;

impl Shared for Arc<Databases> {
    type Opened = Opened;

    fn new(_: &Around<'_>) -> Self {
        Self::default()
    }

    fn try_out(&self, asked: &Asked<'_>, findings: &mut Findings) {
        for (name, config) in &asked.config.tables.sql {
            if !(asked.is_certain)(&format!("sql.{name}")) {
                continue;
            }
            let Some(trial) = Databases::try_out(self, name, config) else { continue };
            match trial {
                Trial::Wrong(wrong) => {
                    findings.problems.push(problem(name, wrong));
                    continue;
                }
                Trial::Unknown(reason) => findings.unknown.push(problem(name, reason)),
                Trial::Fits(migrations) if !migrations.is_empty() => {
                    findings.pending.push(format!("database {name} is to get {}", migrations.join(", ")));
                }
                Trial::Fits(_) => {}
            }
            findings.problems.extend(cannot_be_written(name, config));
        }
    }

    fn open(&self, asked: &Asked<'_>, patience: Duration) -> Result<Opened, Vec<Problem>> {
        Databases::open(self, &asked.config.tables.sql, patience)
            .map_err(|wrong| wrong.into_iter().map(|(name, wrong)| problem(&name, wrong)).collect())
    }

    fn put(&self, opened: Opened, _: &Asked<'_>, news: &mut Vec<News>) {
        news.extend(opened.news.iter().map(|(name, start)| news_of(name, start)));
        self.replace(opened);
    }
}

fn problem(name: &str, wrong: String) -> Problem {
    Problem::new(format!("database {name}"), wrong)
}

fn cannot_be_written(name: &str, config: &DatabaseConfig) -> Option<Problem> {
    let Backend::Sqlite(path) = &config.backend else { return None };
    let error = may_write(path).err()?;
    let wrong = format!("cannot open {}: {error}", path.display());
    Some(problem(name, wrong).remedy("correct `path`, or `data` in [server]"))
}

fn news_of(name: &str, start: &Start) -> News {
    let missing = |reason: &str| News::Missing(format!("database {name} is not ready yet: {reason}"));
    match start {
        Start::Ready(applied) => {
            News::Changed(format!("database {name}: applied the migrations {}", applied.join(", ")))
        }
        Start::Pending(Some(problem)) | Start::Failed(problem) => {
            missing(&format!("{problem}; it is tried again"))
        }
        Start::Pending(None) => missing(&format!("it takes longer than {PATIENCE:?}; it is waited for")),
    }
}
