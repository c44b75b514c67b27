use patchboard::get;

struct Unknown;

#[get("/")]
async fn handler() -> Unknown {
    Unknown
}

#[get("/result")]
async fn result() -> Result<&'static str, Unknown> {
    Ok("")
}

fn main() {}
