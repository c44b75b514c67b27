//! Reads a response of HTTP/1.1 as its bytes come, in whatever pieces (RFC 9112, section
//! 6.3). Pure: what comes in are bytes, what comes out is whether there is all of it.
//!
//! The head is parsed by httparse, in place where it comes in one piece, as it mostly
//! does. The body is counted, and kept only if it is asked for. Why not hyper's client:
//! it takes a third more CPU time for a request than all of ours together, in a program
//! whose purpose is not to be the bottleneck.

use super::chunked::Chunked;
use crate::failure::Failure;

/// More than any server sends that means well.
const HEAD_BYTES: usize = 64 * 1024;
/// What is kept of a body for checks.
const KEPT_BYTES: usize = 16 * 1024 * 1024;
const FIELDS: usize = 128;

/// The state of one response.
#[derive(Debug)]
pub(crate) struct Response {
    state: State,
    /// The beginning of a head of which the rest has not come.
    partial: Vec<u8>,
    method: Method,
    status: u16,
    closes: bool,
}

/// What a response answers: those to HEAD have no body, whatever their fields say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Head,
    Other,
}

#[derive(Debug)]
enum State {
    Head,
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    Complete,
}

/// What a head says.
struct Head {
    bytes: usize,
    status: u16,
    state: State,
    closes: bool,
}

impl Response {
    pub(crate) fn new() -> Self {
        Self { state: State::Complete, partial: Vec::new(), method: Method::Other, status: 0, closes: false }
    }

    /// Begins with another response.
    pub(crate) fn expect(&mut self, method: Method) {
        self.partial.clear();
        self.state = State::Head;
        self.method = method;
        self.closes = false;
    }

    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// Whether another request may follow on the connection.
    pub(crate) fn allows_another(&self) -> bool {
        self.is_complete() && !self.closes
    }

    /// Takes the bytes that came next.
    pub(crate) fn feed(&mut self, mut data: &[u8], mut kept: Option<&mut Vec<u8>>) -> Result<(), Failure> {
        while !data.is_empty() {
            match &mut self.state {
                State::Head => {
                    let Some(used) = self.head(data)? else { return Ok(()) };
                    data = data.get(used..).unwrap_or_default();
                }
                State::Length(left) => {
                    let taken = usize::try_from(*left).map_or(data.len(), |left| left.min(data.len()));
                    let (body, rest) = data.split_at(taken);
                    kept.as_deref_mut().map_or(Ok(()), |kept| keep(kept, body))?;
                    *left -= taken as u64;
                    if *left == 0 {
                        self.state = State::Complete;
                    }
                    data = rest;
                }
                State::Chunked(chunked) => {
                    data = chunked
                        .feed(data, |body| kept.as_deref_mut().map_or(Ok(()), |kept| keep(kept, body)))?;
                    if chunked.is_complete() {
                        self.state = State::Complete;
                    }
                }
                State::UntilClose => {
                    kept.as_deref_mut().map_or(Ok(()), |kept| keep(kept, data))?;
                    return Ok(());
                }
                State::Complete => return Err(Failure::Malformed("there are bytes after the response")),
            }
        }
        Ok(())
    }

    /// Takes the end of the connection.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        match self.state {
            State::Complete => {}
            State::UntilClose => self.state = State::Complete,
            State::Head if self.partial.is_empty() => return Err(Failure::Closed("before the response")),
            State::Head => return Err(Failure::Closed("in the middle of the head")),
            State::Length(_) | State::Chunked(_) => {
                return Err(Failure::Closed("in the middle of the body"));
            }
        }
        self.closes = true;
        Ok(())
    }

    /// Gives how many of these bytes belong to the head, once it is complete.
    fn head(&mut self, data: &[u8]) -> Result<Option<usize>, Failure> {
        let before = self.partial.len();
        let found = if before == 0 {
            parse_head(data, self.method)?
        } else {
            self.partial.extend_from_slice(data);
            parse_head(&self.partial, self.method)?
        };
        let Some(head) = found else {
            if before == 0 {
                self.partial.extend_from_slice(data);
            }
            if self.partial.len() > HEAD_BYTES {
                return Err(Failure::Malformed("its head is longer than 64 KiB"));
            }
            return Ok(None);
        };
        self.partial.clear();
        self.status = head.status;
        self.closes = head.closes;
        self.state = head.state;
        Ok(Some(head.bytes.saturating_sub(before)))
    }
}

/// Keeps some of a body.
pub(super) fn keep(kept: &mut Vec<u8>, body: &[u8]) -> Result<(), Failure> {
    if kept.len() + body.len() > KEPT_BYTES {
        return Err(Failure::Body("is longer than the 16 MiB that can be checked".to_owned()));
    }
    kept.extend_from_slice(body);
    Ok(())
}

fn parse_head(data: &[u8], method: Method) -> Result<Option<Head>, Failure> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let bytes = match response.parse(data) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Failure::Malformed("it has over 128 fields")),
        Err(_) => return Err(Failure::Malformed("its head cannot be parsed")),
    };
    let status = response.code.unwrap_or(0);
    // HTTP/1.0 closes, unless it says otherwise.
    let (mut closes, mut length, mut chunked) = (response.version == Some(0), None, None);
    for field in response.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length") {
            let value = std::str::from_utf8(field.value).ok();
            let value: u64 = value
                .filter(|value| !value.starts_with('+'))
                .and_then(|value| value.parse().ok())
                .ok_or(Failure::Malformed("its content-length is no number"))?;
            if length.is_some_and(|length| length != value) {
                return Err(Failure::Malformed("it has two lengths"));
            }
            length = Some(value);
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            // The last coding decides.
            chunked = Some(last_token(field.value).eq_ignore_ascii_case(b"chunked"));
        } else if field.name.eq_ignore_ascii_case("connection") {
            for token in field.value.split(|byte| *byte == b',') {
                let token = token.trim_ascii();
                if token.eq_ignore_ascii_case(b"close") {
                    closes = true;
                } else if token.eq_ignore_ascii_case(b"keep-alive") {
                    closes = false;
                }
            }
        }
    }
    let state = match (status, length, chunked) {
        (101, ..) => return Err(Failure::Malformed("it switches to another protocol")),
        // Interim: the response is still to come.
        (100..=199, ..) => State::Head,
        (204 | 304, ..) => State::Complete,
        _ if method == Method::Head => State::Complete,
        (_, Some(_), Some(_)) => return Err(Failure::Malformed("it has a length and a transfer coding")),
        (_, None, Some(true)) => State::Chunked(Chunked::default()),
        (_, Some(0), None) => State::Complete,
        (_, Some(length), None) => State::Length(length),
        (_, None, Some(false) | None) => State::UntilClose,
    };
    Ok(Some(Head { bytes, status, state, closes }))
}

fn last_token(value: &[u8]) -> &[u8] {
    value.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status, the body, and whether another request may follow.
    type Read = (u16, String, bool);

    /// In pieces of so many bytes.
    fn read(text: &str, method: Method, piece: usize) -> Result<Read, Failure> {
        let (mut response, mut body) = (Response::new(), Vec::new());
        response.expect(method);
        for piece in text.as_bytes().chunks(piece) {
            response.feed(piece, Some(&mut body))?;
        }
        if !response.is_complete() {
            response.end()?;
        }
        Ok((response.status(), String::from_utf8(body).unwrap(), response.allows_another()))
    }

    /// Whatever the pieces.
    fn check(text: &str, method: Method, expected: Result<(u16, &str, bool), &str>) {
        for piece in 1..=text.len().max(1) {
            match (read(text, method, piece), &expected) {
                (Ok((status, body, another)), Ok(expected)) => {
                    assert_eq!((status, body.as_str(), another), *expected, "{text:?} by {piece}");
                }
                (Err(failure), Err(part)) => {
                    assert!(failure.to_string().contains(part), "{text:?} by {piece}: {failure}");
                }
                (found, _) => panic!("{text:?} by {piece}: {found:?}"),
            }
        }
    }

    #[test]
    fn framings() {
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab", (200, "ab", true)),
            ("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", (200, "", true)),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: x, Close\r\n\r\nab", (200, "ab", false)),
            ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nab", (200, "ab", false)),
            ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nab", (200, "ab", true)),
            ("HTTP/1.1 200 OK\r\n\r\nuntil the end", (200, "until the end", false)),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc", (200, "abc", false)),
            ("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", (204, "", true)),
            ("HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n", (304, "", true)),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nt: x\r\n\r\n",
                (200, "abcd", true),
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: a\r\n\r\nHTTP/1.1 404 X\r\ncontent-length: 1\r\n\r\na",
                (404, "a", true),
            ),
        ] {
            check(text, Method::Other, Ok(expected));
        }
        check("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", Method::Head, Ok((200, "", true)));
    }

    #[test]
    fn what_is_no_response_says_why() {
        for (text, part) in [
            ("", "closed before the response"),
            ("HTTP/1.1 200 OK\r\ncon", "closed in the middle of the head"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", "closed in the middle of the body"),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n",
                "closed in the middle of the body",
            ),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab", "bytes after the response"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na", "two lengths"),
            ("HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\na", "no number"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
                "a length and a transfer",
            ),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", "size of a chunk"),
            ("HTTP/1.1 101 Switching\r\n\r\n", "another protocol"),
            ("SSH-2.0-OpenSSH\r\n", "cannot be parsed"),
        ] {
            check(text, Method::Other, Err(part));
        }
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "x".repeat(HEAD_BYTES));
        assert!(read(&long, Method::Other, 1000).unwrap_err().to_string().contains("64 KiB"));
    }

    #[test]
    fn a_second_response_starts_anew() {
        let mut response = Response::new();
        for (text, status) in
            [("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na", 200), ("HTTP/1.1 204 X\r\n\r\n", 204)]
        {
            response.expect(Method::Other);
            assert!(!response.is_complete());
            response.feed(text.as_bytes(), None).unwrap();
            assert_eq!((response.status(), response.allows_another()), (status, true));
        }
    }
}
