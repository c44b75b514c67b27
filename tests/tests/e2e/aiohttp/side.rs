//! One of the two servers: sending it a request of the table, and reading what it says.
//!
//! Each request has a connection of its own, which is read to its end. The parser is
//! lenient, as one of the servers is not ours to judge.

use std::collections::HashMap;

use patchboard_tests::{Connection, Reply};

/// Tells the version of a file, by mount and path.
type Version<'a> = Box<dyn Fn(&str, &str) -> String + 'a>;

/// A server that is compared with the other.
pub(crate) struct Side<'a> {
    connect: Box<dyn Fn() -> Connection + 'a>,
    version: Version<'a>,
    /// What it said of a file before.
    known: HashMap<String, Reply>,
}

impl<'a> Side<'a> {
    pub(crate) fn new(
        connect: impl Fn() -> Connection + 'a,
        version: impl Fn(&str, &str) -> String + 'a,
    ) -> Self {
        Self { connect: Box::new(connect), version: Box::new(version), known: HashMap::new() }
    }

    /// Sends a request of the table.
    pub(crate) fn ask(&mut self, request: &str) -> Reply {
        let request = self.filled(request);
        send((self.connect)(), &request)
    }

    /// The request with what this server gives for the placeholders.
    fn filled(&mut self, request: &str) -> String {
        let mut filled = request.to_owned();
        if request.contains("{version}") {
            let path = request.split_once(" /").unwrap().1.split_once('?').unwrap().0;
            let (mount, file) = path.split_once('/').unwrap();
            filled = filled.replace("{version}", &(self.version)(mount, file));
        }
        for name in ["etag", "last-modified"] {
            let placeholder = format!("{{{name}}}");
            if filled.contains(&placeholder) {
                let value = self.said(request).header(name).map(str::to_owned);
                let value = value.unwrap_or_else(|| panic!("no {name} to fill in: {request}"));
                filled = filled.replace(&placeholder, &value);
            }
        }
        filled
    }

    /// What the same request gets without its conditions.
    fn said(&mut self, request: &str) -> &Reply {
        let fields =
            request.split(" | ").filter(|field| !field.starts_with("If-") && !field.starts_with("Range"));
        let request = fields.collect::<Vec<_>>().join(" | ").replacen("HEAD ", "GET ", 1);
        self.known.entry(request).or_insert_with_key(|request| send((self.connect)(), request))
    }
}

/// Sends `METHOD TARGET | Field: value | …`.
fn send(mut connection: Connection, request: &str) -> Reply {
    let (line, fields) = request.split_once(" | ").unwrap_or((request, ""));
    let fields: String =
        fields.split(" | ").filter(|field| !field.is_empty()).map(|field| format!("{field}\r\n")).collect();
    connection.send(format!("{line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{fields}\r\n"));
    let reply = parse(&connection.rest()).unwrap_or_else(|| panic!("no response to {request}"));
    if line.starts_with("HEAD ") || reply.status == 304 {
        assert_eq!(reply.body, b"", "{request}");
    } else if matches!(reply.status, 200 | 206) {
        let length = reply.header("content-length").and_then(|length| length.parse().ok());
        assert_eq!(length, Some(reply.body.len()), "{request}");
    }
    reply
}

/// Reads the final response; interim ones come before it.
fn parse(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    if (100..200).contains(&status) {
        return parse(&bytes[end + 4..]);
    }
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Some(Reply { status, headers: headers.collect::<Option<_>>()?, body: bytes[end + 4..].to_vec() })
}
