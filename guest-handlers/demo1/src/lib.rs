//! `POST /demo1/{name}` with a form field `key` answers with both, as JSON.
//!
//! A handler starts when the head of the request has arrived: the first line is
//! logged, with the name from the path, while the body may still be on its way.
//! So the form is no argument of the function, but awaited in it.

use patchboard::extract::rejection::FormRejection;
use patchboard::tracing::info;
use patchboard::{Form, Json, Path, Request, RequestExt as _, post};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    key: String,
}

#[derive(Serialize)]
struct Answer {
    name: String,
    key: String,
}

#[post("/demo1/{name}")]
async fn demo1(Path(name): Path<String>, request: Request) -> Result<Json<Answer>, FormRejection> {
    info!("the head has arrived, name is {name:?}");
    let Form(Input { key }) = request.extract().await?;
    info!("the body has arrived, key is {key:?}");
    Ok(Json(Answer { name, key }))
}
