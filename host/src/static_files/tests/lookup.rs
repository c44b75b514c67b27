//! What may be asked for, and that there is no way out of the folder.

use super::*;

#[tokio::test]
async fn what_is_no_file_name_is_404() {
    for site in Site::each() {
        site.write("x", "in");
        site.write("a/b", "in");
        fs::write(site.dir.path().join("x"), "out").unwrap();
        let cases: [&[&[u8]]; 11] = [
            &[b"..", b"x"],
            &[b"a", b"..", b"x"],
            &[b"a", b"..", b"..", b"x"],
            &[b"../x"],
            &[b"/etc/passwd"],
            &[b"a/b"],
            &[b"x\0"],
            &[b"a\0b"],
            &[b"."],
            &[b"a", b".", b"b"],
            &[b"a", b"", b"b"],
        ];
        for segments in cases {
            assert_eq!(site.segments(segments).await, 404, "{segments:?}");
        }
        assert_eq!(site.segments(&[b"a", b"b"]).await, 200);
    }
}

#[tokio::test]
async fn encoded_traversal_is_404() {
    for site in Site::each() {
        site.write("x", "in");
        fs::write(site.dir.path().join("x"), "out").unwrap();
        for target in ["/files/%2e%2e/x", "/files/..%2fx", "/files/%2e%2e%2fx", "/files/x%00"] {
            assert_eq!(site.status(target).await, 404, "{target}");
        }
    }
}

#[tokio::test]
async fn a_name_too_long_or_below_a_file_or_missing_is_404() {
    for site in Site::each() {
        site.write("file", "");
        let long = format!("/files/{}", "a".repeat(300));
        let deep = format!("/files{}", "/a".repeat(4000));
        for target in ["/files/none", "/files/none/", "/files/file/x", "/files/file/", &long, &deep] {
            assert_eq!(site.status(target).await, 404, "{target:.40}");
        }
    }
}

#[tokio::test]
async fn symbolic_links_are_404() {
    for mut site in Site::each() {
        site.config.show_index = true;
        site.write("real/file", "in");
        let outside = site.dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "out").unwrap();
        symlink("real/file", site.path("file-inside")).unwrap();
        symlink(outside.join("file"), site.path("file-outside")).unwrap();
        symlink("real", site.path("dir-inside")).unwrap();
        symlink("../outside", site.path("dir-outside")).unwrap();
        symlink("loop", site.path("loop")).unwrap();
        symlink("/proc/self/root", site.path("magic")).unwrap();
        let targets = [
            "/files/file-inside",
            "/files/file-outside",
            "/files/dir-inside",
            "/files/dir-inside/",
            "/files/dir-inside/file",
            "/files/dir-outside",
            "/files/dir-outside/",
            "/files/dir-outside/file",
            "/files/loop",
            "/files/loop/",
            "/files/magic/etc/passwd",
        ];
        for target in targets {
            assert_eq!(site.status(target).await, 404, "{target} by {:?}", site.resolver);
        }
        assert_eq!(site.status("/files/real/file").await, 200);
    }
}

#[tokio::test]
async fn the_mounted_folder_itself_may_be_a_link() {
    let site = Site::new();
    site.write("a", "a");
    let link = site.dir.path().join("link");
    symlink("www", &link).unwrap();
    let mount = Mount::open(MountConfig::new("", link), &site.memory).unwrap();
    assert_eq!(mount.dir(), site.path("").canonicalize().unwrap());
    let (parts, ()) = Request::get("/a").body(()).unwrap().into_parts();
    assert_eq!(mount.serve(&parts, &["a"], false).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn dot_files_and_folders_are_404() {
    for site in Site::each() {
        site.write(".htpasswd", "secret");
        site.write(".git/config", "secret");
        for target in ["/files/.htpasswd", "/files/.git/config", "/files/.git", "/files/.git/"] {
            assert_eq!(site.status(target).await, 404, "{target}");
        }
    }
}

#[tokio::test]
async fn a_fifo_or_socket_is_404_and_does_not_block() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    for site in Site::each() {
        site.write("x", "");
        mknodat(CWD, site.path("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(site.path("socket")).unwrap();
        assert_eq!(site.status("/files/fifo").await, 404);
        assert_eq!(site.status("/files/socket").await, 404);
    }
}

#[tokio::test]
async fn names_that_are_no_utf8_are_served() {
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.txt");
    for site in Site::each() {
        site.write("x", "");
        fs::write(site.path(name), "latin").unwrap();
        let response = site.get("/files/caf%E9.txt").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(bytes(response).await, "latin");
    }
}
