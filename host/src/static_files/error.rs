//! What can go wrong in this stage, and the one place where it becomes a status.
//!
//! [`MountError`] is for the start, where the operator reads it; [`ServeError`]
//! for a request, where the client sees its status only.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use http::StatusCode;
use rustix::io::Errno;

/// A mount that cannot be opened at start.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// There is no such folder, or it may not be read.
    #[error(
        "mount {:?}: cannot open the folder {}; create it or correct `dir`",
        if prefix.is_empty() { "/" } else { prefix },
        dir.display()
    )]
    Folder {
        /// The mount's prefix.
        prefix: String,
        /// The folder as configured.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Globs that are too large to be compiled together.
    #[error("mount {prefix:?}: the globs of `hidden`, `visible` or `cache` are too large; simplify them")]
    Globs {
        /// The mount's prefix.
        prefix: String,
        /// What the compiler said.
        source: globset::Error,
    },
}

/// Why a request is not answered from a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServeError {
    /// Not an answer: the steps are to be taken again where they may wait.
    #[error("not in memory")]
    WouldBlock,
    #[error("no such file")]
    NotFound,
    #[error("not permitted")]
    Forbidden,
    #[error("a precondition failed")]
    Precondition,
    #[error("shrank while it was read")]
    Changed,
    #[error("out of open files, memory or threads")]
    Busy(#[source] io::Error),
    #[error("the file system failed")]
    Io(#[source] io::Error),
    #[error("the answer is not a valid header")]
    Header(#[from] http::header::InvalidHeaderValue),
    #[error("the task that reads files was stopped")]
    Stopped(#[from] tokio::task::JoinError),
}

impl ServeError {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Precondition => StatusCode::PRECONDITION_FAILED,
            Self::WouldBlock | Self::Changed | Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            // A task that was cancelled rather than panicked: shutting down.
            Self::Stopped(stopped) if stopped.is_cancelled() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Io(_) | Self::Header(_) | Self::Stopped(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What to log; `None` where the client's request alone explains the status.
    pub(super) fn cause(&self) -> Option<&(dyn Error + 'static)> {
        self.source()
    }
}

impl From<Errno> for ServeError {
    fn from(errno: Errno) -> Self {
        match errno {
            // LOOP and XDEV are what a symbolic link and a way out of the root
            // give; NXIO and NODEV a socket and a device that is not there.
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::LOOP
            | Errno::XDEV
            | Errno::NAMETOOLONG
            | Errno::ILSEQ
            | Errno::NXIO
            | Errno::NODEV
            | Errno::STALE => Self::NotFound,
            Errno::ACCESS | Errno::PERM => Self::Forbidden,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => Self::Busy(errno.into()),
            _ => Self::Io(errno.into()),
        }
    }
}

impl From<io::Error> for ServeError {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(errno) => errno.into(),
            None => Self::Io(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errnos_become_statuses() {
        let check = |errno: Errno, expected: u16| {
            assert_eq!(ServeError::from(errno).status(), expected, "{errno:?}");
            let through_std = ServeError::from(io::Error::from(errno));
            assert_eq!(through_std.status(), expected, "{errno:?} by way of std");
        };
        for errno in [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::XDEV, Errno::NAMETOOLONG] {
            check(errno, 404);
        }
        for errno in [Errno::ACCESS, Errno::PERM] {
            check(errno, 403);
        }
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            check(errno, 503);
        }
        for errno in [Errno::IO, Errno::BADF, Errno::INVAL] {
            check(errno, 500);
        }
    }

    #[test]
    fn only_what_the_operator_can_mend_has_a_cause_to_log() {
        assert!(ServeError::from(Errno::IO).cause().is_some());
        assert!(ServeError::from(Errno::MFILE).cause().is_some());
        assert!(ServeError::from(Errno::NOENT).cause().is_none());
        assert!(ServeError::from(Errno::ACCESS).cause().is_none());
    }

    #[test]
    fn a_mount_error_names_the_mount_and_the_remedy() {
        let error = |prefix: &str| MountError::Folder {
            prefix: prefix.into(),
            dir: "static/css".into(),
            source: Errno::NOENT.into(),
        };
        assert_eq!(
            error("/css").to_string(),
            "mount \"/css\": cannot open the folder static/css; create it or correct `dir`"
        );
        assert!(error("").to_string().starts_with("mount \"/\": "));
    }
}
