//! A static mount over a temporary folder, asked as `dispatch` asks it: the targets of
//! static files go by way of it, and so need nothing that is private to the host.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use patchboard_server::body::Body;
use patchboard_server::router::RequestPath;
use patchboard_server::static_files::{Memory, MemoryConfig, Mount, MountConfig};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// The folder, mounted at `/`.
pub(crate) struct Folder {
    mount: Mount,
    runtime: Runtime,
    /// Removed with it.
    _parent: TempDir,
}

impl Folder {
    /// Calls `fill` with the folder, whose parent is not served and may be filled too.
    pub(crate) fn new(fill: impl FnOnce(&Path) -> io::Result<()>) -> Self {
        match Self::make(fill) {
            Ok(folder) => folder,
            Err(error) => panic!("could not make a temporary folder: {error}"),
        }
    }

    fn make(fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<Self> {
        let parent = tempfile::tempdir()?;
        let root = parent.path().join("www");
        fs::create_dir(&root)?;
        fill(&root)?;
        let memory = Arc::new(Memory::new(&MemoryConfig::default()));
        let mount = Mount::open(MountConfig::new("", &root), &memory).map_err(io::Error::other)?;
        // What is not in memory is read on a blocking thread.
        let runtime = Builder::new_current_thread().build()?;
        Ok(Self { mount, runtime, _parent: parent })
    }

    /// The response to a request whose path is valid.
    pub(crate) fn ask(&self, request: Request<()>) -> Response<Body> {
        let (request, ()) = request.into_parts();
        let path = request.uri.path();
        let segments = match RequestPath::parse(path) {
            Ok(path) => path.segments().map(<[u8]>::to_vec).collect::<Vec<_>>(),
            Err(error) => panic!("{path}: {error}"),
        };
        self.runtime.block_on(self.mount.serve(&request, &segments, path.ends_with('/')))
    }

    /// All of a body.
    pub(crate) fn read(&self, response: Response<Body>) -> Vec<u8> {
        match self.runtime.block_on(response.into_body().collect()) {
            Ok(body) => body.to_bytes().to_vec(),
            Err(error) => panic!("the body broke off: {error}"),
        }
    }
}

/// Writes a file of `length` bytes in which no two places look alike, beyond 64 KiB
/// with nothing but zeros in it, which take no room.
pub(crate) fn write_content(path: &Path, length: u64) -> io::Result<()> {
    match content(length) {
        Some(content) => fs::write(path, content),
        None => File::create(path)?.set_len(length),
    }
}

/// What [`write_content`] wrote; none where that is zeros.
pub(crate) fn content(length: u64) -> Option<Vec<u8>> {
    let byte = |at: u64| (at ^ (at >> 8).wrapping_mul(41)) as u8;
    (length <= 64 << 10).then(|| (0..length).map(byte).collect())
}

/// A header of a response as text; empty where it has none.
pub(crate) fn header<'r>(response: &'r Response<Body>, name: &str) -> &'r str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
