//! Ranges and conditions on whole responses, for small files and streamed ones.

use super::*;

const LARGE: u64 = 3 * CHUNK_BYTES + 17;

/// A site with a file that is read whole and one that is streamed.
fn site() -> Site {
    let site = Site::new();
    site.write("small.bin", pattern(1000));
    site.write("large.bin", pattern(LARGE));
    site
}

const FILES: [(&str, u64); 2] = [("/files/small.bin", 1000), ("/files/large.bin", LARGE)];

#[tokio::test]
async fn one_range_is_206_with_content_range() {
    let site = site();
    for (target, length) in FILES {
        for (range, start, end) in [
            ("bytes=0-0".to_owned(), 0, 1),
            ("bytes=10-99".to_owned(), 10, 100),
            ("bytes=-7".to_owned(), length - 7, length),
            (format!("bytes={}-", length / 2), length / 2, length),
            ("bytes=5-99999999999".to_owned(), 5, length),
        ] {
            let response = site.get_with(target, &[("range", &range)]).await;
            assert_eq!(response.status(), 206, "{range}");
            let content_range = format!("bytes {start}-{}/{length}", end - 1);
            assert_eq!(header(&response, "content-range"), Some(&*content_range));
            assert_eq!(header(&response, "content-length"), Some(&*(end - start).to_string()));
            assert_eq!(header(&response, "accept-ranges"), Some("bytes"));
            assert!(header(&response, "etag").is_some() && header(&response, "last-modified").is_some());
            assert_eq!(bytes(response).await, pattern(length)[start as usize..end as usize]);
        }
    }
}

#[tokio::test]
async fn several_ranges_are_multipart() {
    let site = site();
    for (target, length) in FILES {
        let range = format!("bytes={}-{},0-9", length - 20, length - 11);
        let response = site.get_with(target, &[("range", &range)]).await;
        assert_eq!(response.status(), 206);
        assert_eq!(header(&response, "content-range"), None);
        let content_type = header(&response, "content-type").unwrap().to_owned();
        let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
        let announced = header(&response, "content-length").unwrap().to_owned();
        let all = pattern(length);
        let part = |start: u64, end: u64| {
            let head = format!(
                "--{boundary}\r\ncontent-type: application/octet-stream\r\n\
                 content-range: bytes {start}-{}/{length}\r\n\r\n",
                end - 1
            );
            [head.as_bytes(), &all[start as usize..end as usize], b"\r\n"].concat()
        };
        let end = format!("--{boundary}--\r\n");
        let expected = [part(length - 20, length - 10), part(0, 10), end.into_bytes()].concat();
        let body = bytes(response).await;
        assert_eq!(body, expected);
        assert_eq!(announced, body.len().to_string());
    }
}

#[tokio::test]
async fn what_cannot_be_satisfied_is_416_with_the_length() {
    let site = site();
    site.write("empty.txt", "");
    for (target, length) in [FILES[0], FILES[1], ("/files/empty.txt", 0)] {
        let response = site.get_with(target, &[("range", "bytes=99999999-")]).await;
        assert_eq!(response.status(), 416);
        assert_eq!(header(&response, "content-range"), Some(&*format!("bytes */{length}")));
    }
}

#[tokio::test]
async fn the_last_bytes_of_an_empty_file_are_200() {
    let site = site();
    site.write("empty.txt", "");
    for (range, expected) in
        [("bytes=-500", 200), ("bytes=0-,-1", 200), ("bytes=-0", 416), ("bytes=0-", 416), ("bytes=0-0", 416)]
    {
        // From the disk, and from memory.
        for _ in 0..3 {
            let response = site.get_with("/files/empty.txt", &[("range", range)]).await;
            assert_eq!(response.status().as_u16(), expected, "{range}");
            if expected == 200 {
                assert_eq!(header(&response, "content-length"), Some("0"));
                assert_eq!(header(&response, "content-range"), None);
            }
        }
        let head = Request::head("/files/empty.txt").header("range", range).body(()).unwrap();
        assert_eq!(site.send(head).await.status(), 200, "HEAD {range}");
    }
}

#[tokio::test]
async fn head_and_malformed_ranges_are_answered_whole() {
    let site = site();
    let head = Request::head("/files/small.bin").header("range", "bytes=0-1").body(()).unwrap();
    let head = site.send(head).await;
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, Some("1000")));
    for range in ["bytes=1", "bytes=2-1", "items=0-1", "bytes=a-"] {
        let response = site.get_with("/files/small.bin", &[("range", range)]).await;
        assert_eq!(response.status(), 200, "{range}");
        assert_eq!(bytes(response).await.len(), 1000);
    }
}

#[tokio::test]
async fn if_range_guards_a_resumed_download() {
    let site = site();
    let etag = header(&site.get("/files/small.bin").await, "etag").unwrap().to_owned();
    let check = async |validator: &str, expected: u16| {
        let headers = [("range", "bytes=0-1"), ("if-range", validator)];
        assert_eq!(site.get_with("/files/small.bin", &headers).await.status(), expected, "{validator}");
    };
    check(&etag, 206).await;
    check(&format!("W/{etag}"), 200).await;
    check("\"other\"", 200).await;
    check("Sun, 06 Nov 1994 08:49:37 GMT", 200).await;
}

#[tokio::test]
async fn failed_preconditions_are_412() {
    let site = site();
    let etag = header(&site.get("/files/small.bin").await, "etag").unwrap().to_owned();
    let check = async |name: &str, value: &str, expected: u16| {
        assert_eq!(
            site.get_with("/files/small.bin", &[(name, value)]).await.status(),
            expected,
            "{name}: {value}"
        );
    };
    check("if-match", &etag, 200).await;
    check("if-match", "*", 200).await;
    check("if-match", "\"other\"", 412).await;
    check("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT", 412).await;
    check("if-none-match", &etag, 304).await;
    let both = [("if-match", "\"other\""), ("if-none-match", &*etag)];
    assert_eq!(site.get_with("/files/small.bin", &both).await.status(), 412);
    assert_eq!(site.get_with("/files/none", &[("if-match", "*")]).await.status(), 404);
}

#[tokio::test]
async fn a_304_outranks_a_range() {
    let site = site();
    let etag = header(&site.get("/files/small.bin").await, "etag").unwrap().to_owned();
    let response =
        site.get_with("/files/small.bin", &[("range", "bytes=0-1"), ("if-none-match", &etag)]).await;
    assert_eq!(response.status(), 304);
    assert!(response.body().is_empty());
}
