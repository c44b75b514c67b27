//! A response as the tests look at it, whichever client has received it.

/// A response.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header fields in order, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The value of the header field `name`, given in lower case.
    ///
    /// # Panics
    ///
    /// If the field occurs more than once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert!(values.next().is_none(), "{name} occurs more than once: {self:?}");
        value
    }

    /// The body as text.
    ///
    /// # Panics
    ///
    /// If it is not UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is no JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// The request id that the server has given.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn request_id(&self) -> &str {
        self.header("x-request-id").expect("every response has a request id")
    }

    /// Checks status and body.
    ///
    /// # Panics
    ///
    /// If they are others.
    #[track_caller]
    pub fn expect(&self, status: u16, text: &str) {
        let found = String::from_utf8_lossy(&self.body);
        assert_eq!((self.status, &*found), (status, text));
    }

    /// Checks the status of an error and that its body is the house's: short, and
    /// with the request id.
    ///
    /// # Panics
    ///
    /// If they are not.
    #[track_caller]
    pub fn expect_error(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        let id = self.request_id();
        assert!(self.text().contains(id), "the body lacks the request id {id}: {:?}", self.text());
        assert!(self.body.len() < 1000, "an error body is short: {:?}", self.text());
    }
}
