//! An HTTP client of the ordinary kind: another implementation than ours and
//! hyper's, with a pool of connections that are kept alive.

use std::io::Read;
use std::time::Duration;

use crate::Reply;

/// An HTTP client. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Client(ureq::Agent);

impl Client {
    /// A client without connections yet.
    #[allow(clippy::new_without_default, reason = "a client is no plain value")]
    pub fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
        Self(config.into())
    }

    /// GETs `url`.
    ///
    /// # Panics
    ///
    /// If there is no complete response.
    #[track_caller]
    pub fn get(&self, url: &str) -> Reply {
        self.get_with(url, &[])
    }

    /// GETs `url` with header fields.
    ///
    /// # Panics
    ///
    /// If there is no complete response.
    #[track_caller]
    pub fn get_with(&self, url: &str, headers: &[(&str, &str)]) -> Reply {
        match self.try_get(url, headers) {
            Ok(reply) => reply,
            Err(error) => panic!("GET {url}: {error}"),
        }
    }

    /// GETs `url`, which may fail.
    ///
    /// # Errors
    ///
    /// Why there is no complete response.
    pub fn try_get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Reply, ureq::Error> {
        let mut request = self.0.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        reply(request.call()?)
    }

    /// Asks for the head of `url`.
    ///
    /// # Panics
    ///
    /// If there is no response.
    #[track_caller]
    pub fn head(&self, url: &str) -> Reply {
        match self.0.head(url).call().and_then(reply) {
            Ok(reply) => reply,
            Err(error) => panic!("HEAD {url}: {error}"),
        }
    }

    /// Likewise with POST; nothing is sent again.
    ///
    /// # Errors
    ///
    /// If there is no complete response.
    pub fn try_post(&self, url: &str, media_type: &str, body: &[u8]) -> Result<Reply, ureq::Error> {
        self.0.post(url).header("content-type", media_type).send(body).and_then(reply)
    }

    /// POSTs `body`, whose length is announced.
    ///
    /// # Panics
    ///
    /// If there is no complete response.
    #[track_caller]
    pub fn post(&self, url: &str, media_type: &str, body: &[u8]) -> Reply {
        match self.try_post(url, media_type, body) {
            Ok(reply) => reply,
            Err(error) => panic!("POST {url}: {error}"),
        }
    }

    /// POSTs what `body` gives, in chunks or, where it is known, with its length.
    ///
    /// # Panics
    ///
    /// If there is no complete response.
    #[track_caller]
    pub fn post_reader(
        &self,
        url: &str,
        media_type: &str,
        body: impl Read + Send + 'static,
        length: Option<u64>,
    ) -> Reply {
        let mut request = self.0.post(url).header("content-type", media_type);
        if let Some(length) = length {
            request = request.header("content-length", length.to_string());
        }
        match request.send(ureq::SendBody::from_owned_reader(body)).and_then(reply) {
            Ok(reply) => reply,
            Err(error) => panic!("POST {url}: {error}"),
        }
    }
}

fn reply(mut response: ureq::http::Response<ureq::Body>) -> Result<Reply, ureq::Error> {
    let body = response.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
    let headers = response.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    Ok(Reply { status: response.status().as_u16(), headers: headers.collect(), body })
}
