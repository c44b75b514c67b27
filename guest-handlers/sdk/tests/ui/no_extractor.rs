use patchboard::get;

struct Unknown;

#[get("/one")]
async fn only(_unknown: Unknown) {}

#[get("/two")]
async fn first(
    _unknown: Unknown,
    _body: String,
) {
}

fn main() {}
