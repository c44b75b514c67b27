//! Items as JSON, kept in a bucket: list, add, show and remove.

use patchboard::key_value;
use patchboard::response::Result;
use patchboard::stream::TryStreamExt as _;
use patchboard::{Json, Path, StatusCode, delete, future, get, post};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Item {
    /// Given by the server.
    #[serde(default)]
    id: i64,
    name: String,
}

#[get("@base@/items")]
async fn list() -> Result<Json<Vec<Item>>> {
    let bucket = key_value::open("default")?;
    let is_item = |key: &String| future::ready(key.starts_with("item/"));
    let keys: Vec<_> = bucket.keys().try_filter(is_item).try_collect().await?;
    let mut items = Vec::new();
    for key in keys {
        // One that was removed meanwhile is none.
        items.extend(bucket.get_json::<Item>(&key).await?);
    }
    items.sort_by_key(|item| item.id);
    Ok(Json(items))
}

#[post("@base@/items")]
async fn add(Json(mut item): Json<Item>) -> Result<(StatusCode, Json<Item>)> {
    let bucket = key_value::open("default")?;
    item.id = bucket.increment("last-id", 1).await?;
    bucket.set_json(&key(item.id), &item).await?;
    Ok((StatusCode::CREATED, Json(item)))
}

#[get("@base@/items/{id:int}")]
async fn show(Path(id): Path<i64>) -> Result<Json<Item>> {
    let item = key_value::open("default")?.get_json(&key(id)).await?;
    Ok(Json(item.ok_or(StatusCode::NOT_FOUND)?))
}

#[delete("@base@/items/{id:int}")]
async fn remove(Path(id): Path<i64>) -> Result<StatusCode> {
    let bucket = key_value::open("default")?;
    if !bucket.exists(&key(id)).await? {
        return Ok(StatusCode::NOT_FOUND);
    }
    bucket.delete(&key(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn key(id: i64) -> String {
    format!("item/{id}")
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;
    use patchboard::{Body, http::Request, testing};

    /// Each test has buckets of its own, in memory.
    fn call(method: &str, path: &str, body: &'static str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header("content-type", "application/json")
            .body(Body::from(body))
            .unwrap();
        let response = block_on(testing::call(request));
        (
            response.status().as_u16(),
            block_on(testing::text(response)),
        )
    }

    #[test]
    fn items_are_added_listed_and_removed() {
        let (items, first) = ("@base@/items", "@base@/items/1");
        assert_eq!(call("GET", items, ""), (200, "[]".to_owned()));
        let apple = r#"{"id":1,"name":"apple"}"#;
        let added = call("POST", items, r#"{"name":"apple"}"#);
        assert_eq!(added, (201, apple.to_owned()));
        assert_eq!(call("GET", first, ""), (200, apple.to_owned()));
        assert_eq!(call("GET", items, ""), (200, format!("[{apple}]")));
        assert_eq!(call("DELETE", first, "").0, 204);
        assert_eq!(call("GET", first, "").0, 404);
        assert_eq!(call("DELETE", first, "").0, 404);
    }

    #[test]
    fn what_is_no_item_is_refused() {
        let (status, text) = call("POST", "@base@/items", "{}");
        assert_eq!(status, 422);
        assert!(text.contains("missing field `name`"), "{text}");
    }
}
