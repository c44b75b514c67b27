//! Fallbacks, error pages, names that are hidden or shown, links, listings.

use super::*;

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

#[tokio::test]
async fn navigations_get_the_fallback() {
    let site = Site::with(|config| config.fallback = "index.html".parse().ok());
    site.write("index.html", "app");
    for target in ["/files/users/1", "/files/a/b/", "/files/x?y=z"] {
        let response = site.get_with(target, &[BROWSER]).await;
        assert_eq!(response.status(), 200, "{target}");
        let etag = header(&response, "etag").unwrap().to_owned();
        assert_eq!(text(response).await, "app");
        assert_eq!(site.get_with(target, &[BROWSER, ("if-none-match", &etag)]).await.status(), 304);
    }
    assert_eq!(site.get_with("/files/app.js", &[BROWSER]).await.status(), 404);
    assert_eq!(site.get_with("/files/api", &[("accept", "application/json")]).await.status(), 404);
    assert_eq!(site.get_with("/files/api", &[("accept", "*/*")]).await.status(), 404);
    assert_eq!(site.status("/files/api").await, 404);
}

#[tokio::test]
async fn errors_have_the_mounts_own_pages() {
    for mut site in Site::each() {
        site.config.error_pages.insert(StatusCode::NOT_FOUND, "errors/404.html".parse().unwrap());
        site.config.error_pages.insert(StatusCode::FORBIDDEN, "errors/403.html".parse().unwrap());
        site.write("errors/404.html", "gone fishing");
        for target in ["/files/none", "/files/.git/config"] {
            let response = site.get_with(target, &[BROWSER]).await;
            assert_eq!(response.status(), 404);
            assert_eq!(header(&response, "content-type"), Some("text/html; charset=utf-8"));
            assert_eq!(header(&response, "cache-control"), Some("no-store"));
            assert_eq!(header(&response, "etag"), None);
            assert_eq!(text(response).await, "gone fishing");
        }
        // A condition on a page that is not there is none.
        let response = site.get_with("/files/none", &[BROWSER, ("if-none-match", "*")]).await;
        assert_eq!(response.status(), 404);
        // What takes no HTML gets the house format, as does what has no page.
        let response = site.get_with("/files/none", &[("accept", "application/json")]).await;
        assert!(response.status() == 404 && response.body().is_empty());
        let response = site.get_with("/files/errors/", &[BROWSER]).await;
        assert!(response.status() == 403 && response.body().is_empty());
    }
}

#[tokio::test]
async fn hidden_names_can_be_configured() {
    let mut site = Site::listed();
    site.write(".well-known/acme", "x");
    site.write("a.bak", "x");
    site.write("b.txt", "x");
    assert_eq!(site.status("/files/.well-known/acme").await, 200);
    assert_eq!(site.status("/files/a.bak").await, 200);
    site.config.hidden.push(globset::Glob::new("*.bak").unwrap());
    site.config.visible.clear();
    site.mount.take();
    assert_eq!(site.status("/files/.well-known/acme").await, 404);
    assert_eq!(site.status("/files/a.bak").await, 404);
    let page = text(site.get("/files/").await).await;
    assert!(page.contains("b.txt") && !page.contains("a.bak") && !page.contains("well-known"), "{page}");
}

#[tokio::test]
async fn the_first_index_that_exists_answers() {
    let site = Site::with(|config| {
        config.index = ["index.html", "index.txt"].iter().map(|name| name.parse().unwrap()).collect();
    });
    site.write("a/index.txt", "text");
    assert_eq!(text(site.get("/files/a/").await).await, "text");
    site.write("a/index.html", "html");
    assert_eq!(text(site.get("/files/a/").await).await, "html");
}

#[test]
fn configured_paths_stay_below_the_folder() {
    for (path, expected) in [
        ("a", true),
        ("a/b.html", true),
        ("", false),
        ("/a", false),
        ("../a", false),
        ("a//b", false),
        ("a\0", false),
    ] {
        assert_eq!(path.parse::<super::super::RelativePath>().is_ok(), expected, "{path:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn links_are_followed_where_configured_but_never_out_of_the_root() {
    for cached in [false, true] {
        let mut site = Site::with(|config| (config.follow_symlinks, config.show_index) = (true, true));
        site.resolver = Some(Resolver::Kernel { cached });
        site.write("real/file", "in");
        fs::write(site.dir.path().join("outside"), "out").unwrap();
        symlink("real/file", site.path("inside")).unwrap();
        symlink("real", site.path("folder")).unwrap();
        symlink("../outside", site.path("outside")).unwrap();
        symlink(site.dir.path().join("outside"), site.path("absolute")).unwrap();
        symlink("/proc/self/root", site.path("magic")).unwrap();
        for _ in 0..4 {
            assert_eq!(site.status("/files/inside").await, 200);
            assert_eq!(site.status("/files/folder/file").await, 200);
            for target in ["/files/outside", "/files/absolute", "/files/magic/etc/passwd"] {
                assert_eq!(site.status(target).await, 404, "{target}");
            }
        }
        let page = text(site.get("/files/").await).await;
        assert!(page.contains("inside") && page.contains("folder/") && !page.contains("outside\""), "{page}");
    }
}

#[tokio::test]
async fn a_listing_sorts_and_comes_as_json() {
    let site = Site::listed();
    site.write("d/a", "333");
    site.write("d/b", "1");
    site.write("d/c", "22");
    site.write("d/z/x", "");
    let json = |sort: &'static str| {
        let site = &site;
        async move {
            let target = format!("/files/d/?sort={sort}");
            let response = site.get_with(&target, &[("accept", "application/json")]).await;
            assert_eq!(header(&response, "content-type"), Some("application/json"));
            assert_eq!(header(&response, "vary"), Some("accept"));
            let page: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
            assert_eq!(page["path"], "/files/d/");
            let names =
                page["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap());
            names.collect::<String>()
        }
    };
    assert_eq!(json("").await, "zabc");
    assert_eq!(json("-name").await, "zcba");
    assert_eq!(json("size").await, "zbca");
    assert_eq!(json("-size").await, "zacb");
    assert_eq!(json("nonsense").await, "zabc");
    let page = text(site.get("/files/d/?sort=size").await).await;
    assert!(page.contains("aria-sort=\"ascending\"><a href=\"?sort=-size\">"), "{page}");
    assert!(page.contains("<a href=\"../\">files/</a>d/"), "{page}");
}
