//! What the server has of a grant for all handlers together, such as what is open.
//!
//! It belongs to the engine, and so outlives a reload of the configuration. Who prepares a
//! server tries what is asked of it, who commits opens that, and only when everything is
//! open does any of it take its place.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Weak;
use std::time::Duration;

use super::routing::Urls;
use crate::config::Config;
use crate::problem::Problem;

/// What a grant has for all handlers together; `()` where that is nothing.
pub(crate) trait Shared: Debug + Send + Sync + Sized {
    /// What was opened, and has yet to take its place.
    type Opened;

    /// Nothing is open yet.
    fn new(around: &Around<'_>) -> Self;

    /// Finds what is wrong with what is asked, and changes nothing.
    fn try_out(&self, _: &Asked<'_>, _: &mut Findings) {}

    /// Opens what is asked beside what is open, waiting `patience` at most for what has to
    /// be waited for. What it gives may be dropped instead of being put in its place.
    ///
    /// # Errors
    ///
    /// All that cannot be opened.
    fn open(&self, asked: &Asked<'_>, patience: Duration) -> Result<Self::Opened, Vec<Problem>>;

    /// Lets handlers have what was opened.
    fn put(&self, _: Self::Opened, _: &Asked<'_>, _: &mut Vec<News>) {}

    /// Closes what has to be closed at the end of the process.
    fn close(&self) {}
}

impl Shared for () {
    type Opened = ();

    fn new(_: &Around<'_>) -> Self {}

    fn open(&self, _: &Asked<'_>, _: Duration) -> Result<(), Vec<Problem>> {
        Ok(())
    }
}

/// What there is around it.
pub(crate) struct Around<'a> {
    /// The folder of what is kept.
    pub(crate) data_dir: &'a Path,
    /// The site, if there is one; gone at the end of the process.
    pub(crate) urls: Option<Weak<dyn Urls>>,
}

/// What a configuration asks for.
pub(crate) struct Asked<'a> {
    pub(crate) config: &'a Config,
    /// Whether a section, such as `sql.orders`, says what was meant; else it is not judged.
    pub(crate) is_certain: &'a dyn Fn(&str) -> bool,
    /// Whether who has this file open is a server of the same configuration.
    pub(crate) is_ours: &'a dyn Fn(&Path) -> bool,
}

/// What came of trying it.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<Problem>,
    /// What could not be told now.
    pub(crate) unknown: Vec<Problem>,
    /// What will be changed first.
    pub(crate) pending: Vec<String>,
}

/// Something that the operator should know of what was opened.
#[derive(Debug)]
pub enum News {
    /// It was changed.
    Changed(String),
    /// It is not there yet.
    Missing(String),
}

impl News {
    /// Says so in the log.
    pub fn log(&self) {
        match self {
            Self::Changed(text) => tracing::info!("{text}"),
            Self::Missing(text) => tracing::warn!("{text}"),
        }
    }
}
