//! Why an operation failed.

use rustix::io::Errno;

/// Why an operation failed. The text is for who asked: it names the limit or what is
/// wrong, never a path of the host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no object of this name.
    #[error("there is no such object")]
    NotFound,
    /// The name or the range cannot be that of an object.
    #[error("{0}")]
    Invalid(String),
    /// The folder was granted for reading only.
    #[error("the folder is granted for reading only")]
    ReadOnly,
    /// The object, or the folder, would be larger than the operator allows.
    #[error("{0}")]
    TooLarge(String),
    /// The folder cannot be reached now, or too much is asked of it at once.
    #[error("{0}")]
    Unavailable(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<Errno> for Error {
    /// What the operating system says where no name is to blame.
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT => Self::NotFound,
            Errno::NOSPC | Errno::DQUOT => Self::TooLarge("the disk of the folder is full".to_owned()),
            Errno::MFILE | Errno::NFILE => {
                Self::Unavailable("the server has too many files open; raise its limit".to_owned())
            }
            other => Self::Other(format!("the folder's disk failed: {other}")),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(error) => error.into(),
            None => Self::Other(format!("the folder's disk failed: {error}")),
        }
    }
}
