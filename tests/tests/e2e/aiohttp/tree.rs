//! The files that both servers serve, made as the table says.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::table::Tree;

/// When files were modified unless the table says otherwise: 06 Nov 1994 08:49:37 GMT.
const MODIFIED: f64 = 784_111_777.0;

impl Tree {
    /// Makes the tree in `root`, which is not there yet, and what is outside beside it.
    pub(crate) fn make(&self, root: &Path) {
        fs::create_dir_all(root).unwrap();
        for folder in &self.folders {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for path in &self.files {
            self.write(root, path, format!("{path}\n").as_bytes());
        }
        for (path, size) in &self.sizes {
            let bytes: Vec<u8> = (0..=250).cycle().take(*size).collect();
            self.write(root, path, &bytes);
        }
        for path in &self.outside {
            self.write(root.parent().unwrap(), path, b"outside\n");
        }
        for (path, target) in &self.links {
            symlink(target, root.join(path)).unwrap();
        }
        for path in &self.sockets {
            // The file stays when nobody listens any more.
            UnixListener::bind(root.join(path)).unwrap();
        }
    }

    fn write(&self, root: &Path, path: &str, content: &[u8]) {
        let modified = Duration::from_secs_f64(*self.modified.get(path).unwrap_or(&MODIFIED));
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH + modified)
            .unwrap();
    }
}
