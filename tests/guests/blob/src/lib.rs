//! What a handler does with blob folders, a route for each operation; the folder, where
//! it is not `uploads`, and the object's name are in the query.

use patchboard::blob::{self, Error, Folder, Metadata};
use patchboard::stream::{self, TryStreamExt as _};
use patchboard::{Body, Bytes, Multipart, Query, get, post};
use serde::Deserialize;

/// Names an object, and a part of it.
#[derive(Deserialize)]
struct Place {
    folder: Option<String>,
    name: String,
    from: Option<u64>,
    to: Option<u64>,
}

impl Place {
    fn open(&self) -> Result<Folder, Error> {
        blob::open(self.folder.as_deref().unwrap_or("uploads"))
    }
}

/// The error as text, with status 200, so that a test sees it.
fn told<T>(outcome: Result<T, Error>, text: impl FnOnce(T) -> String) -> String {
    outcome.map_or_else(|error| format!("error: {error}"), text)
}

fn shown(metadata: Metadata) -> String {
    format!("{} {}", metadata.size, metadata.etag)
}

#[get("/ok")]
async fn ok() -> &'static str {
    "ok"
}

#[post("/put")]
async fn store(Query(place): Query<Place>, content: Body) -> String {
    told(async { place.open()?.put(&place.name, content).await }.await, shown)
}

/// As a response, with its status.
#[post("/answer")]
async fn answer(Query(place): Query<Place>, content: Body) -> Result<String, Error> {
    place.open()?.put(&place.name, content).await.map(shown)
}

/// Each field of a form is an object.
#[post("/form")]
async fn form(mut form: Multipart) -> Result<String, Error> {
    let folder = blob::open("uploads")?;
    let mut sizes = Vec::new();
    while let Ok(Some(field)) = form.next_field().await {
        let name = field.name().unwrap_or("nameless").to_owned();
        sizes.push(folder.put_stream(&name, field).await?.size);
    }
    Ok(format!("{sizes:?}"))
}

#[get("/get")]
async fn read(Query(place): Query<Place>) -> Result<blob::Object, Error> {
    place.open()?.get(&place.name).await
}

#[get("/part")]
async fn part(Query(place): Query<Place>) -> Result<blob::Object, Error> {
    let folder = place.open()?;
    let object = folder.get(&place.name);
    match (place.from.unwrap_or_default(), place.to) {
        (from, Some(to)) => object.range(from..to).await,
        (from, None) => object.range(from..).await,
    }
}

#[get("/head")]
async fn head(Query(place): Query<Place>) -> String {
    told(async { place.open()?.head(&place.name).await }.await, shown)
}

/// The names that begin with `name`.
#[get("/list")]
async fn list(Query(place): Query<Place>) -> Result<String, Error> {
    let folder = place.open()?;
    let entries: Vec<_> = folder.list(&place.name).try_collect().await?;
    let names: Vec<_> =
        entries.iter().map(|entry| format!("{}:{}", entry.name, entry.metadata.size)).collect();
    Ok(names.join(" "))
}

/// Puts `to` small objects, whose names begin with `name`.
#[post("/many")]
async fn many(Query(place): Query<Place>) -> Result<String, Error> {
    let folder = place.open()?;
    for number in 0..place.to.unwrap_or_default() {
        folder.put(&format!("{}{number:05}", place.name), "x").await?;
    }
    Ok("put".to_owned())
}

#[post("/delete")]
async fn remove(Query(place): Query<Place>) -> String {
    told(async { place.open()?.delete(&place.name).await }.await, |was_there| was_there.to_string())
}

/// Puts the beginning of an object, then panics.
#[post("/trap")]
async fn trap(Query(place): Query<Place>) -> Result<String, Error> {
    let chunks = stream::unfold(0, |count| async move {
        assert!(count < 4, "this panic is asked for");
        Some((Ok::<_, Error>(Bytes::from(vec![b'x'; 64 << 10])), count + 1))
    });
    place.open()?.put_stream(&place.name, chunks).await.map(shown)
}

/// Puts the beginning of an object, whose content then fails.
#[post("/fail")]
async fn fail(Query(place): Query<Place>) -> String {
    let chunks = [Ok(Bytes::from(vec![b'x'; 64 << 10])), Err("the source is dry")];
    let put = async { place.open()?.put_stream(&place.name, stream::iter(chunks)).await };
    told(put.await, shown)
}

/// Holds as many objects open as it is let, and never lets go of them.
#[get("/hoard")]
async fn hoard(Query(place): Query<Place>) -> Result<String, Error> {
    let folder = place.open()?;
    let mut hoard = Vec::new();
    loop {
        match folder.get(&place.name).await {
            Ok(object) => hoard.push(object),
            Err(error) => {
                let told = format!("{}: {error}", hoard.len());
                std::mem::forget(hoard);
                return Ok(told);
            }
        }
    }
}
