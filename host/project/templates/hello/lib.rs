//! `GET @root@` answers `Hello, world`.

use patchboard::get;

#[get("@root@")]
async fn hello() -> &'static str {
    "Hello, world"
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;
    use patchboard::{Body, http::Request, testing};

    #[test]
    fn it_says_hello() {
        let request = Request::get("@root@").body(Body::empty()).unwrap();
        let response = block_on(testing::call(request));
        assert_eq!(response.status(), 200);
        assert_eq!(block_on(testing::text(response)), "Hello, world");
    }
}
