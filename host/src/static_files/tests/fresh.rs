//! Memory: what is kept is served, and never after it has changed.

use super::*;

async fn body(site: &Site, target: &str) -> String {
    text(site.get(target).await).await
}

#[tokio::test]
async fn an_edit_is_seen_by_the_next_request() {
    for site in Site::each() {
        site.write("a.txt", "0000");
        // The same length and inode each time, as fast as it goes.
        for n in 1..200 {
            let content = format!("{n:04}");
            site.write("a.txt", &content);
            for _ in 0..3 {
                assert_eq!(body(&site, "/files/a.txt").await, content, "{:?}", site.resolver);
            }
        }
    }
}

#[tokio::test]
async fn a_tag_never_stands_for_two_contents() {
    let site = Site::new();
    let mut seen = std::collections::HashMap::new();
    for n in 0..200 {
        let content = format!("{n:04}");
        site.write("a.txt", &content);
        let response = site.get("/files/a.txt").await;
        if let Some(etag) = header(&response, "etag").map(str::to_owned) {
            assert_eq!(seen.insert(etag, content), None);
        }
    }
    assert!(!seen.is_empty());
}

#[tokio::test]
async fn a_file_that_was_replaced_moved_or_removed_is_noticed() {
    for site in Site::each() {
        site.write("d/a.txt", "old");
        site.write("e/a.txt", "new");
        for _ in 0..4 {
            assert_eq!(body(&site, "/files/d/a.txt").await, "old");
        }
        // The folder is another one, the files are the same.
        fs::rename(site.path("d"), site.path("f")).unwrap();
        assert_eq!(site.status("/files/d/a.txt").await, 404);
        fs::rename(site.path("e"), site.path("d")).unwrap();
        for _ in 0..4 {
            assert_eq!(body(&site, "/files/d/a.txt").await, "new");
            assert_eq!(body(&site, "/files/f/a.txt").await, "old");
        }
        fs::remove_file(site.path("d/a.txt")).unwrap();
        assert_eq!(site.status("/files/d/a.txt").await, 404);
    }
}

#[tokio::test]
async fn a_link_in_place_of_a_hot_file_is_not_followed() {
    for site in Site::each() {
        site.write("a.txt", "a");
        for _ in 0..4 {
            assert_eq!(body(&site, "/files/a.txt").await, "a");
        }
        // To the very same file, whose state only a look at the link itself tells apart.
        fs::rename(site.path("a.txt"), site.path("b.txt")).unwrap();
        symlink("b.txt", site.path("a.txt")).unwrap();
        assert_eq!(site.status("/files/a.txt").await, 404, "{:?}", site.resolver);
        assert_eq!(body(&site, "/files/b.txt").await, "a");
    }
}

#[tokio::test]
async fn a_time_that_is_set_back_does_not_hide_an_edit() {
    let site = Site::new();
    site.write("a.txt", "old");
    let modified = fs::metadata(site.path("a.txt")).unwrap().modified().unwrap();
    for _ in 0..4 {
        assert_eq!(body(&site, "/files/a.txt").await, "old");
    }
    let etag = header(&site.get("/files/a.txt").await, "etag").unwrap().to_owned();
    site.write("a.txt", "new");
    fs::File::options().write(true).open(site.path("a.txt")).unwrap().set_modified(modified).unwrap();
    let response = site.get_with("/files/a.txt", &[("if-none-match", &etag)]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(text(response).await, "new");
}

#[tokio::test]
async fn a_hot_file_is_answered_without_a_blocking_thread() {
    let site = Site::new();
    site.write("a.txt", "a");
    site.write("large.bin", pattern(4 * CHUNK_BYTES));
    for target in ["/files/a.txt", "/files/large.bin"] {
        for _ in 0..4 {
            site.get(target).await;
        }
        let response = futures_poll_once(site.get(target));
        assert!(response.is_some_and(|response| response.status() == 200), "{target}");
    }
}

/// What a future has to say without having to wait.
fn futures_poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut cx) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn mounts_do_not_share_files() {
    let (a, mut b) = (Site::new(), Site::new());
    b.memory = Arc::clone(&a.memory);
    a.write("x.txt", "a");
    b.write("x.txt", "b");
    for _ in 0..4 {
        assert_eq!(body(&a, "/files/x.txt").await, "a");
        assert_eq!(body(&b, "/files/x.txt").await, "b");
    }
}
