//! What has been found right, put in its place.
//!
//! First everything is opened that prepare could only try, last what cannot be undone, such
//! as the migrations of databases. Only when all of it is there anything takes the place of
//! what was served; where something is not, nothing does.

use std::time::Duration;

use super::prepare::Next;
use super::refused::Refused;
use crate::data::Hold;
use crate::handlers::{Asked, News, OpenedGrants};
use crate::telemetry::Destination;

/// The access log of `next`.
pub(super) fn destination(next: &Next) -> Result<Destination, Refused> {
    Destination::open(next.folder.config.server.access_log_path())
        .map_err(|problem| Refused::Problems(vec![problem]))
}

/// Opens what handlers are granted by `next`, with `patience` for what has to be waited for;
/// and holds the data folder, which may be made for it.
pub(super) fn open(next: &Next, patience: Duration) -> Result<(OpenedGrants, Option<Hold>), Refused> {
    let hold = || {
        Hold::share(&next.folder.config.server.data_dir).map_err(|problem| Refused::Problems(vec![problem]))
    };
    let before = hold()?;
    let opened = next.folder.engine().grants().open(&asked(next), patience).map_err(Refused::Problems)?;
    Ok((opened, if before.is_some() { before } else { hold()? }))
}

/// Lets handlers have what was opened; gives what is to be said of it.
pub(super) fn put(next: &Next, opened: OpenedGrants) -> Vec<News> {
    next.folder.engine().grants().put(opened, &asked(next))
}

/// What has been found right.
fn asked(next: &Next) -> Asked<'_> {
    Asked { config: &next.folder.config, is_certain: &|_| true, is_ours: &|_| false }
}
