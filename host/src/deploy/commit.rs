//! What has been found right, put in its place.
//!
//! First everything is opened that prepare could only try, the migrations of databases
//! last, as they cannot be undone. Only when all of it is there anything takes the place of
//! what was served; where something is not, nothing does.

use std::time::Duration;

use patchboard_sql::{Opened, PATIENCE, Start};

use super::prepare::Next;
use super::refused::Refused;
use crate::problem::Problem;
use crate::telemetry::Destination;

/// The access log of `next`.
pub(super) fn destination(next: &Next) -> Result<Destination, Refused> {
    Destination::open(next.folder.config.server.access_log_path())
        .map_err(|problem| Refused::Problems(vec![problem]))
}

/// Opens what `next` keeps values in, with `patience` for what has to be waited for.
pub(super) fn open(next: &Next, patience: Duration) -> Result<Opened, Refused> {
    let (engine, config) = (next.folder.engine(), &next.folder.config);
    if config.handlers.values().any(|handler| handler.grants.key_value.keeps_in_file()) {
        // Later, what is wrong with it would be told to guests only.
        engine
            .stores()
            .open_file()
            .map_err(|error| Refused::Problems(vec![Problem::new("", error.to_string())]))?;
    }
    for folder in config.handlers.values().flat_map(|handler| &handler.grants.blob.folders) {
        let place = || format!("blob folder {}", folder.name);
        engine
            .blobs()
            .open(folder)
            .map_err(|error| Refused::Problems(vec![Problem::new(place(), error.to_string())]))?;
    }
    engine.databases().open(&config.tables.sql, patience).map_err(|wrong| {
        let problem = |(name, wrong): (String, String)| Problem::new(format!("database {name}"), wrong);
        Refused::Problems(wrong.into_iter().map(problem).collect())
    })
}

/// Something of a database that the operator should know.
#[derive(Debug)]
pub enum News {
    /// It was changed.
    Changed(String),
    /// It is not there yet.
    Missing(String),
}

impl News {
    fn of(name: &str, start: &Start) -> Self {
        let missing = |reason: &str| Self::Missing(format!("database {name} is not ready yet: {reason}"));
        match start {
            Start::Ready(applied) => {
                Self::Changed(format!("database {name}: applied the migrations {}", applied.join(", ")))
            }
            Start::Pending(Some(problem)) | Start::Failed(problem) => {
                missing(&format!("{problem}; it is tried again"))
            }
            Start::Pending(None) => missing(&format!("it takes longer than {PATIENCE:?}; it is waited for")),
        }
    }

    /// Says so in the log.
    pub fn log(&self) {
        match self {
            Self::Changed(text) => tracing::info!("{text}"),
            Self::Missing(text) => tracing::warn!("{text}"),
        }
    }
}

/// Lets handlers have what was opened; gives what is to be said of it.
pub(super) fn put(next: &Next, opened: Opened) -> Vec<News> {
    let (engine, config) = (next.folder.engine(), &next.folder.config);
    let news = opened.news.iter().map(|(name, start)| News::of(name, start)).collect();
    engine.databases().replace(opened);
    let buckets = config.handlers.values().flat_map(|handler| &handler.grants.key_value.buckets);
    buckets.for_each(|bucket| engine.stores().set_room(bucket));
    news
}
