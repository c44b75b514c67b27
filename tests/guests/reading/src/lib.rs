//! Reads its body by each extractor, and by hand; where that fails, each answers as it does
//! where nobody has thought of it.

use std::collections::BTreeMap;

use patchboard::extract::multipart::MultipartError;
use patchboard::stream::StreamExt as _;
use patchboard::{Body, Bytes, Form, Json, Multipart, Request, RequestExt as _, StatusCode, post};

#[post("/string")]
async fn string(body: String) -> String {
    body.len().to_string()
}

#[post("/bytes")]
async fn bytes(body: Bytes) -> String {
    body.len().to_string()
}

#[post("/form")]
async fn form(Form(form): Form<BTreeMap<String, String>>) -> String {
    form.len().to_string()
}

#[post("/json")]
async fn json(Json(json): Json<BTreeMap<String, String>>) -> String {
    json.len().to_string()
}

async fn count(mut form: Multipart) -> Result<String, MultipartError> {
    let mut length = 0;
    while let Some(field) = form.next_field().await? {
        length += field.bytes().await?.len();
    }
    Ok(length.to_string())
}

#[post("/multipart")]
async fn multipart(form: Multipart) -> Result<String, MultipartError> {
    count(form).await
}

#[post("/by-hand")]
async fn by_hand(request: Request) -> Result<String, MultipartError> {
    match request.extract::<Multipart, _>().await {
        Ok(form) => count(form).await,
        Err(_) => Ok("no form".to_owned()),
    }
}

async fn drain(body: Body) -> Result<usize, StatusCode> {
    let mut length = 0;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        length += piece.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?.len();
    }
    Ok(length)
}

#[post("/stream")]
async fn stream(request: Request) -> Result<String, StatusCode> {
    Ok(drain(request.into_body()).await?.to_string())
}

#[post("/panic")]
async fn panic(request: Request) -> String {
    match drain(request.into_body()).await {
        Ok(length) => length.to_string(),
        Err(status) => panic!("{status}"),
    }
}

/// Says itself what it makes of it.
#[post("/conflict")]
async fn conflict(request: Request) -> Result<String, StatusCode> {
    Ok(drain(request.into_body()).await.map_err(|_| StatusCode::CONFLICT)?.to_string())
}

/// Fails without having read anything.
#[post("/unread")]
async fn unread() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}
