//! A site: a page from a template, notes in a database, a form, a style sheet.

use patchboard::response::{Html, IntoResponse as _, Redirect, Response, Result};
use patchboard::templates::{Templates, context};
use patchboard::{Form, SameOrigin, StatusCode, get, post, sql, url_for};
use serde::{Deserialize, Serialize};

static TEMPLATES: Templates = Templates::new(&[("notes.html", include_str!("notes.html"))]);

/// What the database of this handler is called in patchboard.toml.
const DATABASE: &str = "@name@";

#[derive(Deserialize, Serialize)]
struct Note {
    text: String,
}

#[get("@root@")]
async fn notes() -> Result<Html<String>> {
    page(None).await
}

#[post("@root@")]
async fn add(_: SameOrigin, Form(note): Form<Note>) -> Result<Response> {
    if note.text.trim().is_empty() {
        let page = page(Some("A note has some text.")).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let insert = "INSERT INTO notes (text) VALUES ($1)";
    sql::open(DATABASE)?
        .query(insert)
        .bind(note.text)
        .execute()
        .await?;
    // 303: the browser gets the page, and a reload sends nothing again.
    Ok(Redirect::to(&url_for("notes").build()?).into_response())
}

async fn page(problem: Option<&str>) -> Result<Html<String>> {
    let select = "SELECT text FROM notes ORDER BY id DESC LIMIT 100";
    let notes: Vec<Note> = sql::open(DATABASE)?.query(select).all().await?;
    Ok(TEMPLATES.render("notes.html", context! { notes, problem })?)
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;
    use patchboard::http::{Request, request::Builder};
    use patchboard::{Body, testing};

    fn call(request: Builder, body: &'static str) -> (u16, String) {
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(Body::from(body)).unwrap();
        let response = block_on(testing::call(request));
        (
            response.status().as_u16(),
            block_on(testing::text(response)),
        )
    }

    #[test]
    fn notes_are_added_and_shown() {
        testing::set_database("@name@", include_str!("../migrations/001_notes.sql"));
        assert_eq!(call(Request::post("@root@"), "text=a+%3Cb%3E").0, 303);
        let (status, page) = call(Request::get("@root@"), "");
        assert_eq!(status, 200);
        assert!(page.contains("<li>a &lt;b&gt;</li>"), "{page}");
    }

    #[test]
    fn what_is_not_allowed_is_refused() {
        testing::set_database("@name@", include_str!("../migrations/001_notes.sql"));
        assert_eq!(call(Request::post("@root@"), "text=+").0, 422);
        let elsewhere = Request::post("@root@").header("sec-fetch-site", "cross-site");
        assert_eq!(call(elsewhere, "text=a").0, 403);
    }
}
