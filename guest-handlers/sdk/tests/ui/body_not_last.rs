use patchboard::{Json, Path, post};

#[post("/{name}")]
async fn handler(_body: Json<String>, _path: Path<String>) {}

fn main() {}
