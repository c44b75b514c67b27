//! One file: its digest, and a copy of it that is as private and as old.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::cannot;
use crate::problem::Problem;

/// Copies `from`, which is at `path`, to a new file at `to`; gives its length and digest.
pub(super) fn copy(from: &mut File, path: &Path, to: &Path) -> Result<(u64, String), Problem> {
    let unread = |error: io::Error| cannot("read", path, &error);
    let unwritten = |error: io::Error| cannot("write", to, &error);
    let metadata = from.metadata().map_err(unread)?;
    let mode = metadata.mode() & 0o777 | 0o600;
    let mut out = File::options().write(true).create_new(true).mode(mode).open(to).map_err(unwritten)?;
    let copied = digest(from, |bytes| out.write_all(bytes).map_err(unwritten));
    let copied = copied.map_err(unread)??;
    // Which tells versions of an object apart.
    metadata.modified().and_then(|modified| out.set_modified(modified)).map_err(unwritten)?;
    Ok(copied)
}

/// Reads all of `from`, and gives its length and digest, unless `take` fails.
pub(super) fn digest<E>(
    from: &mut impl Read,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> io::Result<Result<(u64, String), E>> {
    let (mut sum, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 128 << 10]);
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        sum.update(bytes);
        length += read as u64;
        if let Err(error) = take(bytes) {
            return Ok(Err(error));
        }
    }
    let hex = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Ok((length, hex)))
}
