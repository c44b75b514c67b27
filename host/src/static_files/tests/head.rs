//! Methods, headers, validators and conditions.

use super::*;

#[test]
fn a_response_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let site = Site::new();
    let (parts, ()) = Request::new(()).into_parts();
    let mount = site.mount();
    is_send(&mount.serve(&parts, &[b"x"], false));
}

#[test]
fn a_mount_says_what_it_was_built_from() {
    let site = Site::new();
    let mount = site.mount();
    assert_eq!(mount.prefix(), "/files");
    assert_eq!(mount.name(), Some("files"));
    assert_eq!(mount.dir(), site.path("").canonicalize().unwrap());
}

#[test]
fn a_missing_folder_or_one_that_is_a_file_is_an_error_at_start() {
    let site = Site::new();
    site.write("file", "");
    for name in ["none", "file"] {
        let error = Mount::open(MountConfig::new("/x", site.path(name)), &site.memory).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[tokio::test]
async fn get_has_content_type_length_and_validators() {
    for site in Site::each() {
        site.write("css/style.css", "a{}");
        let response = site.get("/files/css/style.css").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "content-type"), Some("text/css; charset=utf-8"));
        assert_eq!(header(&response, "content-length"), Some("3"));
        assert_eq!(header(&response, "x-content-type-options"), Some("nosniff"));
        let etag = header(&response, "etag").unwrap();
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 4, "{etag}");
        assert!(httpdate::parse_http_date(header(&response, "last-modified").unwrap()).is_ok());
        assert_eq!(bytes(response).await, "a{}");
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let site = Site::listed();
    site.write("small.txt", "abc");
    site.write("large.bin", pattern(3 * CHUNK_BYTES));
    site.write("sub/x", "");
    for target in ["/files/small.txt", "/files/large.bin", "/files/sub/"] {
        let get = site.get(target).await;
        let head = site.send(Request::head(target).body(()).unwrap()).await;
        assert_eq!(head.status(), get.status());
        assert_eq!(head.headers(), get.headers(), "{target}");
        assert!(head.body().is_end_stream());
        assert!(bytes(head).await.is_empty());
        let length = header(&get, "content-length").unwrap().to_owned();
        assert_eq!(bytes(get).await.len().to_string(), length);
    }
}

#[tokio::test]
async fn an_empty_file_is_200() {
    let site = Site::new();
    site.write("empty", "");
    let response = site.get("/files/empty").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-length"), Some("0"));
    assert_eq!(header(&response, "content-type"), Some("application/octet-stream"));
    assert!(bytes(response).await.is_empty());
}

#[tokio::test]
async fn the_clients_own_validators_give_304() {
    let site = Site::new();
    site.write("a.txt", "abc");
    let first = site.get("/files/a.txt").await;
    let etag = header(&first, "etag").unwrap();
    let modified = header(&first, "last-modified").unwrap();
    let many = format!("\"x\", W/{etag}");
    let check = async |name: &str, value: &str, expected: u16| {
        for method in [Method::GET, Method::HEAD] {
            let request = Request::builder().method(method).uri("/files/a.txt");
            let response = site.send(request.header(name, value).body(()).unwrap()).await;
            assert_eq!(response.status().as_u16(), expected, "{name}: {value}");
            assert_eq!(header(&response, "etag"), Some(etag));
            assert_eq!(header(&response, "last-modified"), Some(modified));
            if expected == 304 {
                assert!(header(&response, "content-length").is_none());
                assert!(header(&response, "content-type").is_none());
                assert!(response.body().is_end_stream());
            }
        }
    };
    check("if-none-match", etag, 304).await;
    check("if-none-match", &many, 304).await;
    check("if-none-match", "*", 304).await;
    check("if-none-match", "\"x\"", 200).await;
    check("if-modified-since", modified, 304).await;
    check("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT", 200).await;
}

#[tokio::test]
async fn if_none_match_on_what_is_missing_is_404() {
    let site = Site::new();
    let request = Request::get("/files/none").header("if-none-match", "*").body(()).unwrap();
    assert_eq!(site.send(request).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_edit_is_seen_at_once_and_changes_the_etag() {
    let site = Site::new();
    site.write("a.txt", "abc");
    let before = site.get("/files/a.txt").await;
    let file = fs::File::options().write(true).open(site.path("a.txt")).unwrap();
    site.write("a.txt", "xyz");
    file.set_modified(SystemTime::now() + Duration::from_nanos(1_000_000)).unwrap();
    let after = site.get("/files/a.txt").await;
    assert_ne!(header(&before, "etag"), header(&after, "etag"));
    assert_eq!(bytes(after).await, "xyz");
}

#[tokio::test]
async fn a_date_in_the_future_is_one_that_can_be_sent_back() {
    let site = Site::new();
    site.write("a.txt", pattern(1000));
    let file = fs::File::options().write(true).open(site.path("a.txt")).unwrap();
    let year_2099 = SystemTime::UNIX_EPOCH + Duration::from_secs(4_070_908_800);
    file.set_modified(year_2099).unwrap();
    let first = site.get("/files/a.txt").await;
    let sent = header(&first, "last-modified").unwrap();
    // Long after, with the file as it was: from the disk, and from memory.
    let later = SystemTime::now() + Duration::from_secs(3600);
    let state = super::super::state::FileState::of(&file.metadata().unwrap());
    let again = super::super::conditional::Validators::of(&state, None, later).unwrap();
    assert_eq!(again.last_modified.unwrap(), sent);
    for _ in 0..3 {
        for (name, value, expected) in [
            ("if-modified-since", sent, 304),
            ("if-modified-since", "Thu, 01 Jan 2099 00:00:00 GMT", 304),
            ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT", 200),
            ("if-unmodified-since", sent, 200),
            ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT", 412),
        ] {
            let response = site.get_with("/files/a.txt", &[(name, value)]).await;
            assert_eq!(response.status().as_u16(), expected, "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn last_modified_is_never_in_the_future_nor_before_1970() {
    let site = Site::new();
    site.write("a.txt", "abc");
    let file = fs::File::options().write(true).open(site.path("a.txt")).unwrap();

    let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    file.set_modified(tomorrow).unwrap();
    let response = site.get("/files/a.txt").await;
    let date = httpdate::parse_http_date(header(&response, "last-modified").unwrap()).unwrap();
    assert!(date <= SystemTime::now());

    // Beyond what an HTTP date can say.
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(15_000_000_000)).unwrap();
    assert_eq!(site.status("/files/a.txt").await, 200);

    file.set_modified(SystemTime::UNIX_EPOCH - Duration::from_secs(5)).unwrap();
    let response = site.get("/files/a.txt").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "last-modified"), None);
    assert!(header(&response, "etag").is_some());
}
