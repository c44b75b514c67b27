//! Reading a file that somebody else may have put there: a component, a configuration, a
//! secret, a migration.
//!
//! Whoever may write to such a folder may put anything there, or a link to it: a named pipe,
//! at which a reader would wait for ever, a device without an end, a sparse file of a
//! terabyte. Only a regular file is opened, and no more of it is read than a bound.

use std::fs::{FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// Reads the regular file at `path`, or that it is a link to, of at most `longest` bytes.
///
/// # Errors
///
/// If it is not there, cannot be read, is longer, or is no regular file; which of them is in
/// the kind and the text.
pub fn read(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    // Before it is opened, since that alone has an effect on some devices.
    check(&std::fs::metadata(path)?, longest)?;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    // Another may have taken its place meanwhile.
    let metadata = file.metadata()?;
    check(&metadata, longest)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    // It may grow while it is read.
    file.take(longest.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest {
        return Err(too_long(longest));
    }
    Ok(bytes)
}

fn check(metadata: &Metadata, longest: u64) -> io::Result<()> {
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder, not a file"));
    }
    if !kind.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, format!("it is {}, not a file", name(kind))));
    }
    if metadata.len() > longest { Err(too_long(longest)) } else { Ok(()) }
}

fn name(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

fn too_long(longest: u64) -> io::Error {
    io::Error::new(ErrorKind::FileTooLarge, format!("it is longer than {longest} bytes"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for (length, longest, fits) in [(0, 0, true), (10, 10, true), (10, 100, true), (11, 10, false)] {
            fs::write(&path, vec![b'x'; length]).unwrap();
            assert_eq!(read(&path, longest).is_ok(), fits, "{length} of {longest}");
        }
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&path, 1 << 20).unwrap_err().to_string(), "it is longer than 1048576 bytes");
        // The kernel does not tell its length.
        assert!(!read(Path::new("/proc/self/status"), 1 << 20).unwrap().is_empty());
        assert_eq!(read(Path::new("/proc/self/status"), 10).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }

    #[test]
    fn what_is_no_file_is_named_and_waited_for_by_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink("/dev/zero", at("device")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        for (name, said) in [
            ("pipe", "it is a named pipe, not a file"),
            ("socket", "it is a socket, not a file"),
            ("folder", "it is a folder, not a file"),
            ("device", "it is a device, not a file"),
            ("dangling", "No such file or directory (os error 2)"),
            ("none", "No such file or directory (os error 2)"),
        ] {
            symlink(at(name), at(&format!("to-{name}"))).unwrap();
            for name in [name, &format!("to-{name}")] {
                assert_eq!(read(&at(name), 1 << 20).unwrap_err().to_string(), said, "{name}");
            }
        }
    }
}
