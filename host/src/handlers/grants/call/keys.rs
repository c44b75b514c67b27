//! What calls may go on to do when their response is complete: `after_timeout` and
//! `after_tasks` of a handler's limits.

use std::time::Duration;

use crate::config::key::Key;
use crate::handlers::grants::grants_config::Configured;

/// How long, and how many at once on all cores together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(super) timeout: Duration,
    pub(super) tasks: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), tasks: 256 }
    }
}

impl Configured for Config {
    const LIMITS: &'static [Key<Self>] = &[
        Key::timeout(
            "after_timeout",
            |c| &mut c.timeout,
            "How long a call may go on when its response is complete, with tasks that it has begun.",
        ),
        Key::count("after_tasks", 1, |c| &mut c.tasks, "Such tasks at once; further ones are refused."),
    ];
    type Tables = ();
}
