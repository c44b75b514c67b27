//! Files are uploaded, from a form or by PUT, and given back. None of them is ever held in
//! memory: a gigabyte takes no more than a kilobyte.

use patchboard::response::{Html, IntoResponse as _, Redirect, Response, Result};
use patchboard::stream::TryStreamExt as _;
use patchboard::{Body, Multipart, Path, SameOrigin, StatusCode, blob, get, post, put, url_for};

/// The blob folder, as patchboard.toml grants it.
const FOLDER: &str = "@name@";

#[get("@root@")]
async fn form() -> Html<&'static str> {
    Html(include_str!("form.html"))
}

#[post("@root@")]
async fn upload(_: SameOrigin, mut form: Multipart) -> Result<Response> {
    while let Some(part) = form.next_field().await? {
        let Some(name) = part.file_name().map(str::to_owned) else {
            continue;
        };
        let folder = blob::open(FOLDER)?;
        folder.put_stream(&name, part).await?;
        let url = url_for("give").parameter("name", &name).build()?;
        return Ok(Redirect::to(&url).into_response());
    }
    Ok((
        StatusCode::UNPROCESSABLE_ENTITY,
        "there is no file in the form\n",
    )
        .into_response())
}

#[put("@base@/files/{name}")]
async fn keep(_: SameOrigin, Path(name): Path<String>, content: Body) -> Result<String> {
    let metadata = blob::open(FOLDER)?.put(&name, content).await?;
    Ok(format!("{} bytes\n", metadata.size))
}

#[get("@base@/files/{name}")]
async fn give(Path(name): Path<String>) -> Result<blob::Object> {
    Ok(blob::open(FOLDER)?.get(&name).await?)
}

#[get("@base@/files")]
async fn list() -> Result<String> {
    let folder = blob::open(FOLDER)?;
    let mut entries = std::pin::pin!(folder.list(""));
    let mut lines = String::new();
    while let Some(entry) = entries.try_next().await? {
        lines += &format!("{} {}\n", entry.metadata.size, entry.name);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;
    use patchboard::http::{Request, request::Builder};
    use patchboard::{Body, testing};

    /// Each test has folders of its own, in memory.
    fn call(request: Builder, body: &'static str) -> (u16, String) {
        let response = block_on(testing::call(request.body(Body::from(body)).unwrap()));
        (
            response.status().as_u16(),
            block_on(testing::text(response)),
        )
    }

    #[test]
    fn a_file_is_kept_listed_and_given_back() {
        let file = "@base@/files/a.txt";
        assert_eq!(call(Request::get(file), "").0, 404);
        assert_eq!(
            call(Request::put(file), "hello"),
            (200, "5 bytes\n".to_owned())
        );
        assert_eq!(call(Request::get(file), ""), (200, "hello".to_owned()));
        assert_eq!(
            call(Request::get("@base@/files"), ""),
            (200, "5 a.txt\n".to_owned())
        );
    }

    #[test]
    fn a_form_uploads_a_file() {
        let form =
            Request::post("@root@").header("content-type", "multipart/form-data; boundary=x");
        let part = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"b.txt\"\r\n\r\nhi\r\n--x--\r\n";
        assert_eq!(call(form, part).0, 303);
        assert_eq!(
            call(Request::get("@base@/files/b.txt"), ""),
            (200, "hi".to_owned())
        );
    }
}
