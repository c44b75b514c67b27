use patchboard::middleware::Routes;
use patchboard::wrap;

#[wrap]
async fn waits(routes: Routes) -> Routes {
    routes
}

#[wrap("/some")]
fn some(routes: Routes) -> Routes {
    routes
}

#[wrap]
struct NoFunction;

#[wrap]
fn other(_routes: Routes) {}

fn main() {}
