//! The whole stage over temporary folders: every rule by name, and what opens
//! files under both ways of looking names up.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bodies;
mod folders;
mod fresh;
mod head;
mod lookup;
mod negotiated;
mod pages;
mod ranges;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use tempfile::TempDir;

use super::content::{CHUNK_BYTES, WHOLE_BYTES};
use super::open::Resolver;
use super::{Memory, MemoryConfig, Mount, MountConfig};
use crate::body::{Body, BodyError};
use crate::compression::{coding_for, compress};

/// A mount at `/files` on a folder of its own.
struct Site {
    dir: TempDir,
    config: MountConfig,
    memory: Arc<Memory>,
    resolver: Option<Resolver>,
    /// Opened with the first request, so that memory lasts.
    mount: std::cell::OnceCell<Mount>,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = MountConfig::new("/files", dir.path().join("www"));
        config.name = Some("files".into());
        let memory = Arc::new(Memory::new(&MemoryConfig::default()));
        Self { dir, config, memory, resolver: None, mount: std::cell::OnceCell::new() }
    }

    /// The same site once for each resolver.
    fn each() -> Vec<Self> {
        let mut resolvers = vec![Resolver::Walk];
        #[cfg(target_os = "linux")]
        resolvers.extend([Resolver::Kernel { cached: false }, Resolver::Kernel { cached: true }]);
        resolvers.into_iter().map(|resolver| Self { resolver: Some(resolver), ..Self::new() }).collect()
    }

    fn with(configure: impl FnOnce(&mut MountConfig)) -> Self {
        let mut site = Self::new();
        configure(&mut site.config);
        site
    }

    fn listed() -> Self {
        Self::with(|config| config.show_index = true)
    }

    /// The mounted folder, inside a folder that is outside of the mount.
    fn path(&self, name: impl AsRef<std::path::Path>) -> std::path::PathBuf {
        self.dir.path().join("www").join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn mount(&self) -> &Mount {
        self.mount.get_or_init(|| {
            fs::create_dir_all(self.path("")).unwrap();
            let mut mount = Mount::open(self.config.clone(), &self.memory).unwrap();
            if let (Some(resolver), Some(inner)) = (self.resolver, Arc::get_mut(&mut mount.inner)) {
                inner.root = super::open::Root::open(&self.path(""), inner.root.links())
                    .unwrap()
                    .with_resolver(resolver);
            }
            mount
        })
    }

    /// `target` as a router would hand it over, with its prefix taken off.
    async fn send(&self, request: Request<()>) -> Response<Body> {
        let (parts, ()) = request.into_parts();
        let below = parts.uri.path().strip_prefix("/files").unwrap();
        let segments: Vec<Vec<u8>> = below
            .split('/')
            .skip(1)
            .map(|segment| percent_encoding::percent_decode_str(segment).collect())
            .collect();
        let trailing_slash = below.ends_with('/');
        let response = self.mount().serve(&parts, &segments, trailing_slash).await;
        // As dispatch does it.
        match self.mount().compression() {
            Some(config) => compress(response, coding_for(&parts.headers), config),
            None => response,
        }
    }

    async fn get(&self, target: &str) -> Response<Body> {
        self.send(Request::get(target).body(()).unwrap()).await
    }

    async fn get_with(&self, target: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let mut request = Request::get(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(()).unwrap()).await
    }

    async fn status(&self, target: &str) -> u16 {
        self.get(target).await.status().as_u16()
    }

    /// The URL of a file that is there, once its version is known.
    async fn versioned_url(&self, path: &str) -> String {
        let known = async {
            loop {
                let url = self.mount().static_url(path);
                if url.contains("?v=") {
                    return url;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), known).await.unwrap()
    }

    async fn segments(&self, segments: &[&[u8]]) -> u16 {
        let (parts, ()) = Request::get("/files/x").body(()).unwrap().into_parts();
        self.mount().serve(&parts, segments, false).await.status().as_u16()
    }
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

async fn bytes(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(bytes(response).await.into()).unwrap()
}

/// Bytes that differ from place to place.
fn pattern(length: u64) -> Vec<u8> {
    (0..length).map(|n| (n ^ (n >> 8) ^ (n >> 16)) as u8).collect()
}
