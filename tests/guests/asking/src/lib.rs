//! Asks this server: `GET /asking/PATH` is `GET http://self/PATH`, with the fields of the
//! request whose names begin with `send-`, without that. `GET /connection` says what is known of the
//! client's.

use patchboard::{HeaderMap, Path, Request, Tls, client, get};

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

#[get("/connection")]
async fn connection(tls: Option<Tls>, request: Request) -> String {
    let version = request.version();
    let Some(tls) = tls else { return format!("{version:?} plain") };
    let subject = tls.certificate().map_or("nobody", |shown| shown.subject());
    format!("{version:?} {} {subject}", tls.server_name().unwrap_or("-"))
}
