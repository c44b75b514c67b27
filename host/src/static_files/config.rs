//! A mount as configured, checked; built into what a request needs once, at start.

use std::collections::BTreeMap;
use std::path::PathBuf;

use globset::{Glob, GlobSet, GlobSetBuilder};
use http::{HeaderValue, StatusCode};

use super::path::{Hidden, RelativePath};
use crate::coding::Coding;
use crate::compression::CompressionConfig;

/// One `[[static]]` table, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountConfig {
    /// Starts with `/` and does not end with it; empty for the root.
    pub prefix: String,
    /// The folder that is served.
    pub dir: PathBuf,
    /// For `url_for`, unique among routes.
    pub name: Option<String>,
    /// Whether a folder without an index is listed, rather than refused.
    pub show_index: bool,
    /// The files that answer for their folder; the first that exists does.
    pub index: Vec<RelativePath>,
    /// Names, at any depth, that are neither served nor listed. Not paths: a glob
    /// is held against each segment.
    pub hidden: Vec<Glob>,
    /// Exceptions from `hidden`.
    pub visible: Vec<Glob>,
    /// Whether symbolic links are followed, if they stay beneath the folder.
    pub follow_symlinks: bool,
    /// Codings whose siblings are served, in the order of preference.
    pub siblings: Vec<Coding>,
    /// `Cache-Control` by the path below the folder; the first glob that matches
    /// counts, and `*` matches slashes too.
    pub cache: Vec<CacheRule>,
    /// Whether `?v=` with the right version makes a response immutable.
    pub versioned: bool,
    /// What a single-page application's own paths are answered with.
    pub fallback: Option<RelativePath>,
    /// Bodies of errors, by status.
    pub error_pages: BTreeMap<StatusCode, RelativePath>,
    /// Whether and how files of text types without a sibling are compressed on the fly.
    pub compression: Option<CompressionConfig>,
}

/// A value for the files that a glob matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheRule {
    /// Such as `*.woff2`.
    pub glob: Glob,
    /// Such as `public, max-age=31536000, immutable`.
    pub value: HeaderValue,
}

impl MountConfig {
    /// `dir` under `prefix`, with the default of everything else.
    pub fn new(prefix: impl Into<String>, dir: impl Into<PathBuf>) -> Self {
        let glob = |text: &str| Glob::new(text).ok().into_iter().collect();
        Self {
            prefix: prefix.into(),
            dir: dir.into(),
            name: None,
            show_index: false,
            index: "index.html".parse().into_iter().collect(),
            hidden: glob(".*"),
            visible: glob(".well-known"),
            follow_symlinks: false,
            siblings: Coding::ALL.to_vec(),
            cache: Vec::new(),
            versioned: true,
            fallback: None,
            error_pages: BTreeMap::new(),
            compression: None,
        }
    }

    pub(super) fn hidden_names(&self) -> Result<Hidden, globset::Error> {
        let dots_only = self.hidden.iter().all(|glob| glob.glob() == ".*");
        Ok(Hidden { hidden: set(&self.hidden)?, visible: set(&self.visible)?, dots_only })
    }

    pub(super) fn policy(&self) -> Result<Policy, globset::Error> {
        let globs: Vec<_> = self.cache.iter().map(|rule| rule.glob.clone()).collect();
        Ok(Policy { globs: set(&globs)?, values: self.cache.iter().map(|rule| rule.value.clone()).collect() })
    }
}

/// Which `Cache-Control` a path gets.
#[derive(Debug)]
pub(super) struct Policy {
    globs: GlobSet,
    values: Vec<HeaderValue>,
}

impl Policy {
    pub(super) fn of(&self, path: &[u8]) -> Option<HeaderValue> {
        if self.values.is_empty() {
            return None;
        }
        let path = globset::Candidate::from_bytes(path);
        let first = self.globs.matches_candidate(&path).into_iter().min()?;
        self.values.get(first).cloned()
    }
}

fn set(globs: &[Glob]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(glob.clone());
    }
    set.build()
}
