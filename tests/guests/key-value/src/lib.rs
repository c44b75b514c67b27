//! What a handler does with buckets, a route for each operation; the bucket and the key
//! are in the path.

use std::time::Duration;

use patchboard::key_value::{self, Error};
use patchboard::stream::TryStreamExt as _;
use patchboard::{Bytes, Path, future, get, post, time};

/// Names a bucket and a key.
type Place = Path<(String, String)>;

/// The error as text, with status 200, so that a test sees it.
fn told<T>(outcome: Result<T, Error>, text: impl FnOnce(T) -> String) -> String {
    outcome.map_or_else(|error| format!("error: {error}"), text)
}

fn shown(value: Option<Vec<u8>>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| String::from_utf8_lossy(&value).into_owned())
}

#[get("/ok")]
async fn ok() -> &'static str {
    "ok"
}

#[get("/get/{bucket}/{key}")]
async fn read(Path((bucket, key)): Place) -> String {
    told(async { key_value::open(&bucket)?.get(&key).await }.await, shown)
}

/// So many sets at once, of a mebibyte each.
#[get("/pending/{bucket}/{count:int}")]
async fn pending(Path((bucket, count)): Path<(String, usize)>) -> String {
    told(
        async {
            let bucket = &key_value::open(&bucket)?;
            let sets =
                (0..count).map(|n| async move { bucket.set(&n.to_string(), vec![b'x'; 1 << 20]).await });
            future::try_join_all(sets).await
        }
        .await,
        |sets| format!("{} of them", sets.len()),
    )
}

#[post("/set/{bucket}/{key}")]
async fn set(Path((bucket, key)): Place, body: Bytes) -> String {
    told(async { key_value::open(&bucket)?.set(&key, body).await }.await, |()| "set".to_owned())
}

/// One value under two keys, in one operation.
#[post("/pair/{bucket}")]
async fn pair(Path(bucket): Path<String>, body: Bytes) -> Result<&'static str, Error> {
    key_value::open(&bucket)?.set_many([("left", body.clone()), ("right", body)]).await?;
    Ok("set")
}

/// Everything else that a bucket does, in one go.
#[post("/all/{bucket}")]
async fn all(Path(bucket): Path<String>) -> Result<String, Error> {
    let bucket = key_value::open(&bucket)?;
    bucket.set_many([("a", "1"), ("b", "2"), ("c", "3")]).await?;
    bucket.delete("b").await?;
    let many = bucket.get_many(["a", "b", "c"]).await?;
    let many: Vec<_> = many.into_iter().map(shown).collect();
    let exists = (bucket.exists("a").await?, bucket.exists("b").await?);
    let sum = bucket.increment("a", 41).await?;
    let missed = bucket.compare_and_swap("c", Some(b"x"), "y").await?;
    let swapped = bucket.compare_and_swap("c", Some(b"3"), "4").await?;
    let keys: Vec<String> = bucket.keys().try_collect().await?;
    bucket.delete_many(["a", "c"]).await?;
    let left: Vec<String> = bucket.keys().try_collect().await?;
    Ok(format!("{many:?} {exists:?} {sum} {missed:?} {swapped:?} {keys:?} {left:?}"))
}

/// Adds a letter to a value, by compare-and-swap.
#[post("/append/{bucket}/{key}")]
async fn append(Path((bucket, key)): Place) -> Result<String, Error> {
    let bucket = key_value::open(&bucket)?;
    let value = bucket.update(&key, |old| [old.unwrap_or_default(), b"x"].concat()).await?;
    Ok(value.len().to_string())
}

/// Holds as many buckets as it is let.
#[get("/hoard/{bucket}")]
async fn hoard(Path(bucket): Path<String>) -> String {
    let mut hoard = Vec::new();
    loop {
        match key_value::open(&bucket) {
            Ok(bucket) => hoard.push(bucket),
            Err(error) => return format!("{}: {error}", hoard.len()),
        }
    }
}

/// Counts itself, then waits.
#[get("/count-and-sleep/{bucket}/{key}")]
async fn count_and_sleep(Path((bucket, key)): Place) -> Result<&'static str, Error> {
    key_value::open(&bucket)?.increment(&key, 1).await?;
    time::sleep(Duration::from_secs(2)).await;
    Ok("slept")
}

#[get("/trap")]
async fn trap() -> &'static str {
    panic!("this panic is asked for")
}
