//! What a handler may do with a database, and what it should not.

use std::cell::RefCell;

use patchboard::response::{IntoResponse, Response};
use patchboard::{Body, Bytes, Json, Path, StatusCode, get, post, sql, stream};
use serde_json::Value;

thread_local! {
    static KEPT: RefCell<Vec<sql::Transaction>> = RefCell::default();
}

/// Errors in full, which a real handler leaves to the log.
struct Failed(sql::Error);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, format!("{:?}", self.0)).into_response()
    }
}

impl From<sql::Error> for Failed {
    fn from(error: sql::Error) -> Self {
        Self(error)
    }
}

#[post("/sql/{database}/execute")]
async fn execute(Path(database): Path<String>, statement: String) -> Result<String, Failed> {
    Ok(sql::open(&database)?.query(&statement).execute().await?.to_string())
}

#[post("/sql/{database}/query")]
async fn query(Path(database): Path<String>, statement: String) -> Result<Json<Vec<Value>>, Failed> {
    Ok(Json(sql::open(&database)?.query(&statement).all().await?))
}

/// Begins a transaction and keeps it beyond the call.
#[post("/sql/{database}/keep")]
async fn keep(Path(database): Path<String>, statement: String) -> Result<(), Failed> {
    let transaction = sql::open(&database)?.begin().await?;
    transaction.query(&statement).execute().await?;
    KEPT.with_borrow_mut(|kept| kept.push(transaction));
    Ok(())
}

/// Uses what an earlier call has kept.
#[post("/sql/{database}/kept")]
async fn kept(statement: String) -> Result<String, Failed> {
    let transaction = KEPT.with_borrow_mut(Vec::pop);
    let transaction = transaction.ok_or_else(|| sql::Error::Other("nothing is kept".to_owned()))?;
    Ok(transaction.query(&statement).execute().await?.to_string())
}

/// Sends rows as they are read.
#[post("/sql/{database}/stream")]
async fn rows(Path(database): Path<String>, statement: String) -> Result<Body, Failed> {
    let rows = sql::open(&database)?.query(&statement).rows().await?;
    let lines = stream::try_unfold(rows, async |mut rows| {
        let row: Option<i64> = rows.next().await?;
        Ok::<_, sql::Error>(row.map(|row| (Bytes::from(format!("{row}\n")), rows)))
    });
    Ok(Body::from_stream(lines))
}

/// Does a change in a transaction, and then what makes the whole instance fail.
#[post("/sql/{database}/trap")]
async fn trap(Path(database): Path<String>, statement: String) -> Result<(), Failed> {
    let transaction = sql::open(&database)?.begin().await?;
    transaction.query(&statement).execute().await?;
    panic!("on purpose");
}

#[get("/sql/quick")]
async fn quick() -> &'static str {
    "quick"
}
