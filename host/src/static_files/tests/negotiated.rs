//! Siblings by `Accept-Encoding`, cache policy and versions.

use super::*;

fn site() -> Site {
    let site = Site::new();
    site.write("a.css", "plain");
    for (suffix, content) in [("br", "brotli"), ("zst", "zstd"), ("gz", "gzip")] {
        site.write(&format!("a.css.{suffix}"), content);
    }
    site.write("b.css", "alone");
    site
}

#[tokio::test]
async fn the_best_sibling_is_sent() {
    for mut site in Site::each() {
        site.dir = self::site().dir;
        site.config.dir = site.path("");
        for (accept, coding, content) in [
            ("gzip, deflate, br, zstd", Some("br"), "brotli"),
            ("gzip, zstd", Some("zstd"), "zstd"),
            ("gzip", Some("gzip"), "gzip"),
            ("br;q=0.1, gzip;q=0.9", Some("gzip"), "gzip"),
            ("identity", None, "plain"),
            ("br;q=0", None, "plain"),
            ("*;q=0", None, "plain"),
        ] {
            for _ in 0..3 {
                let response = site.get_with("/files/a.css", &[("accept-encoding", accept)]).await;
                assert_eq!(header(&response, "content-encoding"), coding, "{accept}");
                assert_eq!(header(&response, "content-type"), Some("text/css; charset=utf-8"));
                assert_eq!(header(&response, "vary"), Some("accept-encoding"));
                assert_eq!(text(response).await, content);
            }
        }
        let alone = site.get_with("/files/b.css", &[("accept-encoding", "br")]).await;
        assert_eq!(header(&alone, "content-encoding"), None);
        assert_eq!(header(&alone, "vary"), Some("accept-encoding"));
        // A sibling that is asked for by its own name is a file like any other.
        let itself = site.get_with("/files/a.css.br", &[("accept-encoding", "br")]).await;
        assert_eq!(header(&itself, "content-encoding"), None);
    }
}

#[tokio::test]
async fn each_representation_has_its_own_tag_and_ranges() {
    let site = site();
    let plain = header(&site.get("/files/a.css").await, "etag").unwrap().to_owned();
    let brotli = site.get_with("/files/a.css", &[("accept-encoding", "br")]).await;
    let brotli = header(&brotli, "etag").unwrap().to_owned();
    assert_ne!(plain, brotli);
    let check = async |coding: &str, etag: &str, expected: u16| {
        let headers = [("accept-encoding", coding), ("if-none-match", etag)];
        assert_eq!(site.get_with("/files/a.css", &headers).await.status(), expected);
    };
    check("br", &brotli, 304).await;
    check("br", &plain, 200).await;
    check("identity", &plain, 304).await;
    check("identity", &brotli, 200).await;
    let part = site.get_with("/files/a.css", &[("accept-encoding", "br"), ("range", "bytes=0-1")]).await;
    assert_eq!(header(&part, "content-range"), Some("bytes 0-1/6"));
    assert_eq!(header(&part, "content-encoding"), Some("br"));
    assert_eq!(text(part).await, "br");
}

#[tokio::test]
async fn a_sibling_older_than_its_original_is_passed_over() {
    let site = site();
    let old = fs::File::options().write(true).open(site.path("a.css.br")).unwrap();
    old.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    for _ in 0..3 {
        let response = site.get_with("/files/a.css", &[("accept-encoding", "br, gzip;q=0.5")]).await;
        assert_eq!(header(&response, "content-encoding"), Some("gzip"));
    }
    site.write("a.css", "edited");
    let response = site.get_with("/files/a.css", &[("accept-encoding", "br, zstd, gzip")]).await;
    assert_eq!(text(response).await, "edited");
}

#[tokio::test]
async fn a_sibling_without_its_original_is_not_found() {
    let site = site();
    fs::remove_file(site.path("a.css")).unwrap();
    assert_eq!(site.get_with("/files/a.css", &[("accept-encoding", "br")]).await.status(), 404);
}

#[tokio::test]
async fn compressed_types_and_mounts_without_siblings_do_not_vary() {
    let mut site = site();
    site.write("a.png", "png");
    site.write("a.png.br", "no");
    let png = site.get_with("/files/a.png", &[("accept-encoding", "br")]).await;
    assert_eq!((header(&png, "vary"), header(&png, "content-encoding")), (None, None));
    site.config.siblings.clear();
    site.mount.take();
    let css = site.get_with("/files/a.css", &[("accept-encoding", "br")]).await;
    assert_eq!((header(&css, "vary"), header(&css, "content-encoding")), (None, None));
}

#[tokio::test]
async fn cache_control_is_by_the_first_glob() {
    let site = Site::with(|config| {
        let rule = |glob: &str, value: &'static str| super::super::CacheRule {
            glob: globset::Glob::new(glob).unwrap(),
            value: http::HeaderValue::from_static(value),
        };
        config.cache =
            vec![rule("*.woff2", "immutable"), rule("fonts/*", "max-age=60"), rule("*", "no-cache")];
    });
    site.write("fonts/a.woff2", "");
    site.write("fonts/deep/a.txt", "");
    site.write("a.txt", "");
    let check = async |target: &str, expected: &str| {
        let response = site.get(target).await;
        assert_eq!(header(&response, "cache-control"), Some(expected), "{target}");
        let etag = header(&response, "etag").unwrap();
        let fresh = site.get_with(target, &[("if-none-match", etag)]).await;
        assert_eq!((fresh.status().as_u16(), header(&fresh, "cache-control")), (304, Some(expected)));
    };
    check("/files/fonts/a.woff2", "immutable").await;
    check("/files/fonts/deep/a.txt", "max-age=60").await;
    check("/files/a.txt", "no-cache").await;
}

#[tokio::test]
async fn a_versioned_url_is_immutable_while_it_is_right() {
    for mut site in Site::each() {
        site.write("css/a b.css", "one");
        let url = site.versioned_url("css/a b.css").await;
        let (path, version) = url.split_once("?v=").unwrap();
        assert_eq!((path, version.len()), ("/files/css/a%20b.css", 16));
        let check = async |url: &str, expected: Option<&str>| {
            let response = site.get(url).await;
            assert_eq!(
                (response.status().as_u16(), header(&response, "cache-control")),
                (200, expected),
                "{url}"
            );
        };
        check(&url, Some("public, max-age=31536000, immutable")).await;
        check(path, None).await;
        check(&format!("{path}?v=0000000000000000"), None).await;
        site.write("css/a b.css", "two");
        check(&url, None).await;
        let mut edited = site.versioned_url("/css/a b.css").await;
        while edited == url {
            // Where the kernel cannot tell without waiting, the version before comes first.
            tokio::task::yield_now().await;
            edited = site.versioned_url("/css/a b.css").await;
        }
        assert_eq!(site.mount().static_url("none.css"), "/files/none.css");
        site.config.versioned = false;
        site.mount.take();
        let url = site.versioned_url("css/a b.css").await;
        assert_eq!(header(&site.get(&url).await, "cache-control"), None);
    }
}

#[tokio::test]
async fn a_large_file_has_a_version_once_it_was_read() {
    let site = Site::new();
    site.write("large.bin", pattern(1 << 20));
    site.write("same.bin", pattern(1 << 20));
    let url = site.versioned_url("large.bin").await;
    let version = url.strip_prefix("/files/large.bin?v=").unwrap();
    assert_eq!(site.mount().static_url("large.bin"), url, "known from now on");
    assert_eq!(site.versioned_url("same.bin").await, format!("/files/same.bin?v={version}"));
}

#[tokio::test]
async fn text_without_a_sibling_is_compressed_on_the_fly_where_configured() {
    let site =
        Site::with(|config| config.compression = Some(crate::compression::CompressionConfig::default()));
    site.write("a.css", "a".repeat(5000));
    site.write("a.css.br", "brotli");
    let response = site.get_with("/files/a.css", &[("accept-encoding", "gzip")]).await;
    assert_eq!(header(&response, "content-encoding"), Some("gzip"));
    assert_eq!(header(&response, "content-length"), None);
    assert_eq!(response.headers().get_all("vary").iter().count(), 1);
    let etag = header(&response, "etag").unwrap().to_owned();
    assert!(etag.starts_with("W/"), "{etag}");
    let headers = [("accept-encoding", "gzip"), ("if-none-match", &*etag)];
    assert_eq!(site.get_with("/files/a.css", &headers).await.status(), 304);
    let response = site.get_with("/files/a.css", &[("accept-encoding", "br, gzip")]).await;
    assert_eq!(text(response).await, "brotli");
    let part = site.get_with("/files/a.css", &[("accept-encoding", "gzip"), ("range", "bytes=0-9")]).await;
    assert_eq!((part.status().as_u16(), header(&part, "content-encoding")), (206, None));
    assert_eq!(header(&part, "vary"), Some("accept-encoding"));
}

#[tokio::test]
async fn head_and_304_say_what_a_compressed_response_says() {
    let site = Site::with(|config| {
        config.compression = Some(crate::compression::CompressionConfig::default());
        config.show_index = true;
    });
    site.write("a.css", "a".repeat(5000));
    site.write("a.css.br", "brotli");
    site.write("large.css", "a".repeat(3 * CHUNK_BYTES as usize));
    site.write("small.css", "a");
    site.write("empty.css", "");
    site.write("a.png", "a".repeat(5000));
    for n in 0..50 {
        site.write(&format!("many/{n}.txt"), "");
    }
    let names = ["a.css", "large.css", "small.css", "empty.css", "a.png", "many/"];
    for (name, accept) in names.iter().flat_map(|name| ["gzip", "zstd", "br", "identity"].map(|a| (name, a)))
    {
        let target = format!("/files/{name}");
        let get = site.get_with(&target, &[("accept-encoding", accept)]).await;
        let head = Request::head(&target).header("accept-encoding", accept).body(()).unwrap();
        let head = site.send(head).await;
        assert_eq!(head.headers(), get.headers(), "{name} {accept}");
        assert!(head.body().is_end_stream());
        let Some(etag) = header(&get, "etag") else { continue };
        for asked in [("if-none-match", etag), ("if-modified-since", header(&get, "last-modified").unwrap())]
        {
            let kept = site.get_with(&target, &[("accept-encoding", accept), asked]).await;
            assert_eq!(kept.status(), 304, "{name} {accept}");
            for field in ["etag", "vary", "last-modified", "cache-control"] {
                assert_eq!(header(&kept, field), header(&get, field), "{name} {accept} {field}");
            }
        }
        if header(&get, "content-length").is_none() {
            assert!(header(&get, "content-encoding").is_some(), "{name} {accept}");
        }
    }
}

#[tokio::test]
async fn the_url_of_a_file_is_encoded_with_its_prefix() {
    for (prefix, expected) in [
        ("/static files", "/static%20files/a%20b.txt"),
        ("/a/caf\u{e9}?#%", "/a/caf%C3%A9%3F%23%25/a%20b.txt"),
        ("/~me/@x", "/~me/@x/a%20b.txt"),
        ("", "/a%20b.txt"),
    ] {
        let site = Site::with(|config| config.prefix = prefix.to_owned());
        site.write("a b.txt", "");
        let url = site.versioned_url("a b.txt").await;
        assert_eq!(url.split_once("?v=").unwrap().0, expected);
        assert_eq!(site.mount().static_url("none"), format!("{}/none", expected.rsplit_once('/').unwrap().0));
    }
}
