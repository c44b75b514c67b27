//! The bytes: whole, streamed, and changed meanwhile.

use super::*;

#[tokio::test]
async fn files_of_any_size_arrive_unchanged() {
    let site = Site::new();
    let sizes = [
        1,
        WHOLE_BYTES,
        WHOLE_BYTES + 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        2 * CHUNK_BYTES,
        5 * CHUNK_BYTES + 12_345,
    ];
    for size in sizes {
        let content = pattern(size);
        site.write("file.bin", &content);
        let response = site.get("/files/file.bin").await;
        assert_eq!(header(&response, "content-length"), Some(size.to_string().as_str()));
        assert_eq!(response.body().size_hint().exact(), Some(size));
        assert!(bytes(response).await == content, "{size} bytes differ");
    }
}

/// The body's next data.
async fn next(body: &mut Body) -> Option<Result<usize, BodyError>> {
    let frame = body.frame().await?;
    Some(frame.map(|frame| frame.into_data().unwrap().len()))
}

#[tokio::test]
async fn a_large_file_is_read_one_chunk_ahead_at_most() {
    let site = Site::new();
    site.write("file.bin", pattern(4 * CHUNK_BYTES));
    let mut body = site.get("/files/file.bin").await.into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap() as u64, CHUNK_BYTES);
    assert_eq!(body.size_hint().exact(), Some(3 * CHUNK_BYTES));
    // The second chunk may have been read already. The third has not.
    fs::File::options().write(true).open(site.path("file.bin")).unwrap().set_len(0).unwrap();
    let second = next(&mut body).await.unwrap();
    if second.is_ok() {
        assert!(next(&mut body).await.unwrap().is_err());
    }
    assert!(next(&mut body).await.is_none());
}

#[tokio::test]
async fn a_file_truncated_while_sent_is_an_error_and_never_padded() {
    let site = Site::new();
    site.write("file.bin", pattern(4 * CHUNK_BYTES));
    let mut body = site.get("/files/file.bin").await.into_body();
    let file = fs::File::options().write(true).open(site.path("file.bin")).unwrap();
    file.set_len(CHUNK_BYTES + 10).unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap() as u64, CHUNK_BYTES);
    let mut sent = CHUNK_BYTES;
    let error = loop {
        match next(&mut body).await.unwrap() {
            Ok(bytes) => sent += bytes as u64,
            Err(error) => break error,
        }
    };
    assert!(sent <= CHUNK_BYTES + 10);
    assert_eq!(error.to_string(), "the file was truncated while it was sent");
    assert!(next(&mut body).await.is_none());
}

#[tokio::test]
async fn a_file_that_grows_while_sent_ends_at_its_content_length() {
    let site = Site::new();
    let content = pattern(CHUNK_BYTES + 1);
    site.write("file.bin", &content);
    let response = site.get("/files/file.bin").await;
    let longer = [content.as_slice(), b"more"].concat();
    // In place: the same inode.
    fs::write(site.path("file.bin"), &longer).unwrap();
    assert!(bytes(response).await == content);
}

#[tokio::test]
async fn a_file_replaced_while_sent_goes_on_as_it_was() {
    let site = Site::new();
    let content = pattern(3 * CHUNK_BYTES);
    site.write("file.bin", &content);
    let response = site.get("/files/file.bin").await;
    site.write("new.bin", "new");
    fs::rename(site.path("new.bin"), site.path("file.bin")).unwrap();
    assert!(bytes(response).await == content);
    assert_eq!(bytes(site.get("/files/file.bin").await).await, "new");
}
