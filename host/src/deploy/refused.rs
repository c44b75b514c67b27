//! Why a configuration is not served, in the words of who asked for it.

use std::fmt;

use crate::problem::Problem;

/// Why something is not served.
#[derive(Debug)]
pub enum Refused {
    /// A component that it needs may still be being written; to be tried again.
    Unsettled,
    /// One is being loaded, of which is told when it is there.
    Loading,
    /// All that is wrong.
    Problems(Vec<Problem>),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsettled => f.write_str("a component is still being written; try again"),
            Self::Loading => f.write_str("a component is still being loaded; try again"),
            Self::Problems(problems) => {
                let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

impl std::error::Error for Refused {}
