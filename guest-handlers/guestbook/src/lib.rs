//! A guestbook: pages from templates, rows in SQL, a counter in key-value, lines in the
//! log. It works without scripts, and nothing that a visitor writes is read as HTML or
//! SQL; a form that another site sends is refused.

use patchboard::response::{Html, IntoResponse, Redirect, Response, Result};
use patchboard::templates::{Templates, context};
use patchboard::tracing::info;
use patchboard::{Form, Path, Query, SameOrigin, StatusCode, UrlError, get, key_value, post, sql, url_for};
use serde::{Deserialize, Serialize};

const PER_PAGE: u32 = 10;
const AUTHOR_CHARS: usize = 80;
const MESSAGE_CHARS: usize = 2000;

static TEMPLATES: Templates = Templates::new(&[
    ("base.html", include_str!("base.html")),
    ("list.html", include_str!("list.html")),
    ("edit.html", include_str!("edit.html")),
]);

#[derive(Deserialize)]
struct Paging {
    page: Option<u32>,
}

#[derive(Default, Deserialize, Serialize)]
struct Draft {
    author: String,
    message: String,
}

#[derive(Deserialize, Serialize)]
struct Entry {
    id: i64,
    author: String,
    message: String,
    written_at: String,
}

#[get("/guestbook")]
async fn list(Query(Paging { page }): Query<Paging>) -> Result<Html<String>> {
    let visits = key_value::open("guestbook")?.increment("visits", 1).await?;
    info!("visit {visits}");
    show(page.unwrap_or(1), Draft::default(), None, Some(visits)).await
}

#[post("/guestbook")]
async fn add(_: SameOrigin, Form(draft): Form<Draft>) -> Result<Response> {
    if let Some(problem) = draft.problem() {
        return Ok(
            (StatusCode::UNPROCESSABLE_ENTITY, show(1, draft, Some(problem), None).await?).into_response()
        );
    }
    let insert = "INSERT INTO entries (author, message) VALUES ($1, $2) RETURNING id";
    let id: i64 = sql::open("guestbook")?.query(insert).bind(draft.author).bind(draft.message).one().await?;
    info!("entry {id} added");
    Ok(to_list()?.into_response())
}

#[get("/guestbook/{id:int}")]
async fn edit(Path(id): Path<i64>) -> Result<Html<String>> {
    let query = "SELECT author, message FROM entries WHERE id = $1";
    let draft: Option<Draft> = sql::open("guestbook")?.query(query).bind(id).optional().await?;
    let draft = draft.ok_or(StatusCode::NOT_FOUND)?;
    Ok(TEMPLATES.render("edit.html", context! { id, draft, problem => None::<()> })?)
}

#[post("/guestbook/{id:int}")]
async fn update(_: SameOrigin, Path(id): Path<i64>, Form(draft): Form<Draft>) -> Result<Response> {
    if let Some(problem) = draft.problem() {
        let page = TEMPLATES.render("edit.html", context! { id, draft, problem })?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let update = "UPDATE entries SET author = $1, message = $2 WHERE id = $3";
    let update = sql::open("guestbook")?.query(update).bind(draft.author).bind(draft.message).bind(id);
    found(update.execute().await?)?;
    info!("entry {id} edited");
    Ok(to_list()?.into_response())
}

#[post("/guestbook/{id:int}/delete")]
async fn delete(_: SameOrigin, Path(id): Path<i64>) -> Result<Response> {
    found(sql::open("guestbook")?.query("DELETE FROM entries WHERE id = $1").bind(id).execute().await?)?;
    info!("entry {id} deleted");
    Ok(to_list()?.into_response())
}

/// A page of the list, the newest first, with the form.
async fn show(page: u32, draft: Draft, problem: Option<&str>, visits: Option<i64>) -> Result<Html<String>> {
    let database = sql::open("guestbook")?;
    let count: u32 = database.query("SELECT count(*) FROM entries").one().await?;
    let pages = count.div_ceil(PER_PAGE).max(1);
    let page = page.clamp(1, pages);
    let query = "SELECT id, author, message, CAST(written_at AS TEXT) AS written_at FROM entries \
                 ORDER BY id DESC LIMIT $1 OFFSET $2";
    let entries: Vec<Entry> = database.query(query).bind(PER_PAGE).bind((page - 1) * PER_PAGE).all().await?;
    let context = context! { entries, count, page, pages, draft, problem, visits };
    Ok(TEMPLATES.render("list.html", context)?)
}

impl Draft {
    fn problem(&self) -> Option<&'static str> {
        if self.author.trim().is_empty() || self.message.trim().is_empty() {
            return Some("Both a name and a message are needed.");
        }
        let long = self.author.chars().count() > AUTHOR_CHARS || self.message.chars().count() > MESSAGE_CHARS;
        long.then_some("The name has at most 80 characters, and the message 2000.")
    }
}

fn found(rows: u64) -> Result<(), StatusCode> {
    if rows == 0 { Err(StatusCode::NOT_FOUND) } else { Ok(()) }
}

/// 303: the browser gets the list, and a reload sends nothing again.
fn to_list() -> Result<Redirect, UrlError> {
    url_for("list").build().map(|url| Redirect::to(&url))
}
