//! A request as the steps need it: a file is read, by GET or HEAD. Mounts are routed for
//! GET, which stands for HEAD too, so no other method comes here.

use http::{HeaderMap, Method, Uri};

use super::path::FilePath;

/// A request as the steps need it.
pub(super) struct FileRequest<'r> {
    pub(super) method: ReadMethod,
    /// `None` for what cannot be, or must not be asked for as, a file.
    pub(super) path: Option<FilePath>,
    pub(super) trailing_slash: bool,
    pub(super) uri: &'r Uri,
    pub(super) headers: &'r HeaderMap,
}

/// The methods that a file answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ReadMethod {
    Get,
    Head,
}

impl ReadMethod {
    pub(super) fn of(method: &Method) -> Self {
        if method == Method::HEAD { Self::Head } else { Self::Get }
    }
}
