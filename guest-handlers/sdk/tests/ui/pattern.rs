use patchboard::{get, post, route};

#[get("no-slash")]
async fn no_slash() {}

#[get("/{name")]
async fn unbalanced() {}

#[post("/{a}/{a}")]
async fn repeated() {}

#[get("/{*rest}/more")]
async fn tail_not_last() {}

#[get("/x", name = "not a name")]
async fn bad_name() {}

#[get("/x", other = "y")]
async fn bad_option() {}

#[route("get", "/x")]
async fn bad_method() {}

#[get]
async fn nothing() {}

#[get("/a/:id")]
async fn colon() {}

#[get("/a/<int:id>")]
async fn angle() {}

fn main() {}
