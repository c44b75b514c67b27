//! Redirects, indexes and listings.

use super::*;

#[tokio::test]
async fn an_index_that_is_a_link_is_as_good_as_none() {
    for site in Site::each() {
        site.write("sub/page", "");
        symlink("page", site.path("sub/index.html")).unwrap();
        assert_eq!(site.status("/files/sub/").await, 403);
    }
}

#[tokio::test]
async fn a_folder_without_slash_redirects_and_keeps_the_query() {
    for site in Site::each() {
        site.write("a b/sub/x", "");
        let check = async |target: &str, expected: &str| {
            let response = site.get(target).await;
            assert_eq!(response.status(), StatusCode::MOVED_PERMANENTLY, "{target}");
            assert_eq!(header(&response, "location"), Some(expected));
        };
        check("/files", "/files/").await;
        check("/files?q=1", "/files/?q=1").await;
        check("/files/a%20b", "/files/a%20b/").await;
        check("/files/a%20b/sub?x=%2F&y", "/files/a%20b/sub/?x=%2F&y").await;
    }
}

#[tokio::test]
async fn a_folder_with_slash_is_its_index() {
    for site in Site::each() {
        site.write("index.html", "root");
        site.write("sub/index.html", "sub");
        for (target, expected) in [("/files/", "root"), ("/files/sub/", "sub")] {
            let response = site.get(target).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(header(&response, "content-type"), Some("text/html; charset=utf-8"));
            assert!(header(&response, "etag").is_some());
            assert_eq!(bytes(response).await, expected);
        }
    }
}

#[tokio::test]
async fn a_folder_without_index_is_403_unless_show_index() {
    for mut site in Site::each() {
        site.write("sub/x", "");
        // A folder of that name is no index.
        fs::create_dir_all(site.path("odd/index.html")).unwrap();
        for (show_index, expected) in [(false, 403), (true, 200)] {
            site.config.show_index = show_index;
            site.mount.take();
            for target in ["/files/", "/files/sub/", "/files/odd/"] {
                assert_eq!(site.status(target).await, expected, "{target}");
            }
        }
    }
}

#[tokio::test]
async fn a_listing_shows_folders_first_and_only_what_is_served() {
    let site = Site::listed();
    for name in ["b.txt", "a.txt", "z/x", "y/x", ".hidden", "<b>\"&'.txt"] {
        site.write(name, "1234");
    }
    symlink("a.txt", site.path("link")).unwrap();
    let response = site.get("/files/").await;
    assert_eq!(header(&response, "content-type"), Some("text/html; charset=utf-8"));
    let page = text(response).await;
    let links: Vec<&str> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let links = links.strip_prefix(&["?sort=-name", "?sort=size", "?sort=date"]).unwrap();
    assert_eq!(links, ["y/", "z/", "%3Cb%3E%22%26%27.txt", "a.txt", "b.txt"]);
    assert!(page.contains("<bdi>&lt;b&gt;&quot;&amp;&#39;.txt</bdi>"), "{page}");
    assert!(!page.contains("<b>") && page.contains(">4 B<"), "{page}");
    // What a listing links to can be had.
    for link in links {
        assert_eq!(site.status(&format!("/files/{link}")).await, 200, "{link}");
    }
    assert!(text(site.get("/files/y/").await).await.contains("href=\"../\""));
}

#[tokio::test]
async fn only_one_slash_is_a_trailing_slash() {
    let site = Site::new();
    site.write("sub/index.html", "sub");
    assert_eq!(site.status("/files/sub/").await, 200);
    for target in ["/files/sub//", "/files//", "/files//sub/", "/files/sub//index.html"] {
        assert_eq!(site.status(target).await, 404, "{target}");
    }
}

#[tokio::test]
async fn the_empty_segment_of_a_trailing_slash_may_be_left_out() {
    let site = Site::new();
    site.write("sub/index.html", "sub");
    let (parts, ()) = Request::get("/files/sub/").body(()).unwrap().into_parts();
    for segments in [&["sub", ""][..], &["sub"]] {
        let response = site.mount().serve(&parts, segments, true).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    // Without a trailing slash an empty segment is no name.
    assert_eq!(site.segments(&[b"sub", b""]).await, 404);
}
