//! Asks this server: `GET /asking/PATH` is `GET http://self/PATH`, with the fields of the
//! request whose names begin with `send-`, without that.

use patchboard::{HeaderMap, Path, client, get};

#[get("/asking/{*path}")]
async fn asking(Path(path): Path<String>, headers: HeaderMap) -> Result<String, client::Error> {
    let mut request = client::get(format!("http://self/{path}"));
    for (name, value) in &headers {
        if let Some(name) = name.as_str().strip_prefix("send-") {
            request = request.header(name, value);
        }
    }
    request.send().await?.text().await
}
