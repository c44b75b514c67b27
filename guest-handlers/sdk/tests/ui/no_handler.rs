use patchboard::get;

#[get("/generic")]
async fn generic<T: Default>() {}

#[get("/impl")]
async fn argument(_x: impl Sized) {}

#[get("/struct")]
struct NotAFunction;

struct Service;

impl Service {
    #[get("/method")]
    async fn method(&self) {}
}

fn main() {}
