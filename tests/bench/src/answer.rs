//! Where an answer ends, for those who read it byte by byte.

use anyhow::{Context, Result, bail};

/// An answer that is complete.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Of the body, without what frames it.
    pub(crate) body_bytes: u64,
}

impl Answer {
    /// Of what was read so far: `None` if there is more to come.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let (head, body) = bytes.split_at(end + 4);
        let head = std::str::from_utf8(head).context("the head is not UTF-8")?;
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let status = status.with_context(|| format!("this is no head of HTTP/1.1: {head}"))?;
        let field = |wanted: &str| {
            let mut fields = head.lines().filter_map(|line| line.split_once(": "));
            fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
        };
        let body_bytes = match (field("content-length"), field("transfer-encoding")) {
            (Some(length), _) => {
                let length = length.parse().with_context(|| format!("{length} is no content-length"))?;
                (body.len() as u64 >= length).then_some(length)
            }
            (None, Some("chunked")) => chunked(body)?,
            _ => bail!("the end of the body is not announced in the head: {head}"),
        };
        Ok(body_bytes.map(|body_bytes| Self { status, body_bytes }))
    }
}

/// What the chunks amount to, if all are there.
fn chunked(mut body: &[u8]) -> Result<Option<u64>> {
    let mut sum = 0;
    loop {
        let Some(end) = body.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let size =
            body.get(..end).and_then(|line| usize::from_str_radix(str::from_utf8(line).ok()?, 16).ok());
        let size = size.context("a chunk has no size")?;
        // The size, the content, and the end of a line after each.
        let Some(rest) = body.get(end + 2 + size + 2..) else { return Ok(None) };
        if size == 0 {
            return Ok(Some(sum));
        }
        sum += size as u64;
        body = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_end_where_they_end() {
        let length = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        for (head, body, expected) in [
            (length, "", None),
            (length, "ab", None),
            (length, "abc", Some(3)),
            ("HTTP/1.1 200 OK\r\n", "", None),
            (chunked, "", None),
            (chunked, "3\r\nabc\r\n", None),
            (chunked, "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n", None),
            (chunked, "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", Some(13)),
        ] {
            let found = Answer::parse(format!("{head}{body}").as_bytes()).unwrap();
            assert_eq!(found.map(|answer| answer.body_bytes), expected, "{head}{body}");
        }
    }

    #[test]
    fn what_is_no_answer_is_said() {
        for text in
            ["SSH-2.0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"]
        {
            assert!(Answer::parse(text.as_bytes()).is_err(), "{text}");
        }
        let failed = Answer::parse(b"HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n").unwrap();
        assert_eq!(failed, Some(Answer { status: 503, body_bytes: 0 }));
    }
}
