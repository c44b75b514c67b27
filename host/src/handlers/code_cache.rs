//! Compiled code, kept on disk by content, settings and version, so that a start and a
//! rollback do not compile again.
//!
//! Its files are run as they are, so the folder must be this user's, and nobody else's
//! to write to; otherwise there is no cache, and the operator is told why.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use wasmtime::{Cache, CacheConfig};

/// The cache in `folder`, and what the operator should know where there is none.
pub(super) fn open(folder: Option<&Path>, is_off: bool) -> (Option<Cache>, Option<String>) {
    let Some(folder) = folder else {
        let notice = "no code cache, so each start compiles: neither HOME nor XDG_CACHE_HOME or CACHE_DIRECTORY is \
                      set; set one, or code_cache in [server], which may be \"off\"";
        return (None, (!is_off).then(|| notice.to_owned()));
    };
    match try_open(folder) {
        Ok(cache) => (Some(cache), None),
        Err(reason) => {
            let folder = folder.display();
            (
                None,
                Some(format!("no code cache in {folder}, so each start compiles: {reason}; see code_cache")),
            )
        }
    }
}

fn try_open(folder: &Path) -> Result<Cache, String> {
    let say = |error: std::io::Error| error.to_string();
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(say)?;
    // wasmtime asks for an absolute path.
    let folder = folder.canonicalize().map_err(say)?;
    let metadata = fs::metadata(&folder).map_err(say)?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err("it belongs to another user".to_owned());
    }
    if metadata.mode() & 0o022 != 0 {
        return Err("others may write to it; chmod go-w".to_owned());
    }
    let mut config = CacheConfig::new();
    config.with_directory(folder);
    Cache::new(config).map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_folder_is_made_for_this_user_only() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        assert!(open(Some(&folder), false).0.is_some());
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let (cache, notice) = open(Some(dir.path()), false);
        assert!(cache.is_none() && notice.unwrap().contains("chmod go-w"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_no_reason_to_fail() {
        let (cache, notice) = open(Some(Path::new("/proc/none")), false);
        assert!(cache.is_none() && notice.unwrap().contains("/proc/none"));
        assert!(matches!(open(None, true), (None, None)));
        assert!(open(None, false).1.unwrap().contains("HOME"));
    }
}
