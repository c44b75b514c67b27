//! What the ill handlers are asked, and what may come back.
//!
//! An answer is right if it is the case's own, or one of the failures that its handler's
//! company allows: a full queue and a time-out anywhere, a neighbour's trap only where an
//! instance has several calls. A body that was begun may be cut, but nothing in it be
//! wrong, and what is cut must not look whole.

use fastrand::Rng;

use crate::subject::{ILL, Ill, Isolation, REQUEST_BODY};
use crate::wire::Answer;

/// One thing to ask.
#[derive(Debug)]
pub(crate) struct Case {
    /// Handler and what it does, for the ledger.
    pub(crate) name: String,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    own: Own,
    /// Statuses that its company may bring about.
    others: &'static [u16],
}

/// The answer of a case that nobody disturbs.
#[derive(Debug, Clone)]
enum Own {
    /// 200 with this body in one piece; `{id}` stands for the request id.
    Full(String),
    /// Likewise, but it may be cut.
    Streamed(Vec<u8>),
    /// 200 with the start of this body, which never ends well.
    Begun(&'static [u8]),
    /// 200 with this byte, without end.
    Endless(u8),
    /// An error of this status.
    Fails(u16),
    /// The first or, where a limit is in the way, an error of this status.
    FullOr(&'static str, u16),
}

/// What a case is like, but for its handler and its content.
struct Kind {
    method: &'static str,
    path: &'static str,
    own: Own,
    /// Over in a few milliseconds, and so fit for a burst.
    is_quick: bool,
}

const fn kind(method: &'static str, path: &'static str, own: Own, is_quick: bool) -> Kind {
    Kind { method, path, own, is_quick }
}

/// Stands for the body that was sent.
const SENT: Own = Own::Streamed(Vec::new());
/// Stands for its length.
const LENGTH: Own = Own::FullOr("", 413);

fn kinds(ill: &Ill) -> Vec<Kind> {
    let full = |text: &str| Own::Full(text.to_owned());
    let streamed = |text: &str| Own::Streamed(text.as_bytes().to_vec());
    let parts = "part 0\npart 1\npart 2\npart 3\npart 4\n";
    let ten = b"0000000000";
    match ill.guest {
        "ill" => vec![
            kind("GET", "ok", full("ok"), true),
            kind("GET", "typed/12/2024", full("12 2024"), true),
            kind("GET", "typed/x/2024", Own::Fails(404), true),
            kind("GET", "trap", Own::Fails(500), true),
            kind("GET", "trap-later?ms=30", Own::Fails(500), false),
            kind("GET", "spin", Own::Fails(500), false),
            kind("GET", "memory", Own::Fails(500), false),
            kind("GET", "never", Own::Fails(504), false),
            kind("GET", "half", Own::Begun(b"the first half"), false),
            kind("GET", "stall", Own::Begun(b"the first half"), false),
            kind("GET", "endless", Own::Endless(b'x'), false),
            kind("GET", "sleep?ms=50", full("slept"), false),
            kind("POST", "sleep?ms=50", full("slept"), false),
            kind("GET", "sleep-blocking", Own::Fails(blocking(ill)), false),
            kind("GET", "log-flood", Own::FullOr("flooded", 500), false),
            kind("POST", "slow-read", LENGTH, false),
            kind("POST", "unread", full("not interested"), false),
            kind("POST", "echo", SENT, true),
        ],
        "p3-hello" => vec![
            kind("GET", "hello", Own::Full("hello from 0.3: GET http://test{path} {id}".to_owned()), true),
            kind("GET", "stream", streamed(parts), false),
            kind("POST", "echo", SENT, true),
            kind("GET", "fail", Own::Fails(502), true),
            kind("GET", "short", Own::Fails(502), true),
            kind("GET", "own", streamed("made and read"), true),
            kind("GET", "trap", Own::Fails(500), true),
        ],
        "p2-hello" => vec![
            kind("GET", "hello", Own::Full("hello from 0.2: Method::Get test {path} {id}".to_owned()), true),
            kind("GET", "stream", streamed(parts), false),
            kind("POST", "echo", SENT, true),
            kind("GET", "silent", Own::Fails(500), true),
            kind("GET", "trap", Own::Fails(500), true),
        ],
        _ => vec![
            kind("GET", "ok", full("raw"), true),
            kind("GET", "streamed", Own::Streamed(ten.to_vec()), true),
            kind("GET", "no-trailers", Own::Begun(ten), true),
            kind("GET", "failed", Own::Begun(ten), true),
            kind("GET", "newline", Own::Fails(502), true),
            kind("GET", "ends-descend", Own::Fails(502), true),
            kind("GET", "two-lengths", Own::Fails(502), true),
        ],
    }
}

/// A blocking sleep of two seconds: refused where others share the instance, otherwise
/// longer than a call may take.
fn blocking(ill: &Ill) -> u16 {
    if ill.isolation == Isolation::Shared { 500 } else { 504 }
}

impl Case {
    /// Any case.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        Self::choose(rng, |_| true)
    }

    /// One that is over soon.
    pub(crate) fn quick(rng: &mut Rng) -> Self {
        Self::choose(rng, |kind| kind.is_quick)
    }

    /// One whose answer streams.
    pub(crate) fn streaming(rng: &mut Rng) -> Self {
        Self::choose(rng, |kind| {
            matches!(kind.own, Own::Streamed(_) | Own::Begun(_) | Own::Endless(_)) && kind.method == "GET"
        })
    }

    /// One that sends a body.
    pub(crate) fn upload(rng: &mut Rng) -> Self {
        Self::choose(rng, |kind| kind.method == "POST")
    }

    /// The endless answer of the guest `ill`.
    pub(crate) fn endless(rng: &mut Rng) -> Self {
        Self::choose(rng, |kind| matches!(kind.own, Own::Endless(_)))
    }

    fn choose(rng: &mut Rng, wanted: impl Fn(&Kind) -> bool) -> Self {
        loop {
            let ill = &ILL[rng.usize(..ILL.len())];
            let mut kinds: Vec<_> = kinds(ill).into_iter().filter(&wanted).collect();
            if !kinds.is_empty() {
                return Self::new(ill, kinds.swap_remove(rng.usize(..kinds.len())), rng);
            }
        }
    }

    fn new(ill: &Ill, kind: Kind, rng: &mut Rng) -> Self {
        let others: &[u16] = match ill.isolation {
            // Nothing of `raw` traps.
            _ if ill.guest == "raw" => &[503, 504],
            Isolation::Shared => &[500, 503, 504],
            Isolation::Reuse | Isolation::Request => &[503, 504],
        };
        let path = format!("/{}/{}", ill.name, kind.path);
        let mut name = format!("{} {path}", kind.method);
        let body = match kind.method {
            "POST" => body(rng),
            _ => Vec::new(),
        };
        let too_large = body.len() > REQUEST_BODY;
        if too_large {
            name.push_str(" too large");
        }
        let own = match kind.own {
            _ if too_large => Own::Fails(413),
            Own::Streamed(sent) if sent.is_empty() => Own::Streamed(body.clone()),
            Own::FullOr("", _) => Own::Full(body.len().to_string()),
            Own::Full(text) => Own::Full(text.replace("{path}", &path)),
            own => own,
        };
        Self { name, method: kind.method, path, body, own, others }
    }

    /// The head of the request, with the length of its body.
    pub(crate) fn head(&self) -> String {
        let length = match self.method {
            "POST" => format!("Content-Length: {}\r\n", self.body.len()),
            _ => String::new(),
        };
        format!("{} {} HTTP/1.1\r\nHost: test\r\n{length}\r\n", self.method, self.path)
    }

    /// The whole request.
    pub(crate) fn request(&self) -> Vec<u8> {
        [self.head().as_bytes(), &self.body].concat()
    }

    /// Whether its body is longer than the handler's limit.
    pub(crate) fn is_too_large(&self) -> bool {
        self.body.len() > REQUEST_BODY
    }

    /// Whether who gave `answer` has read all of the body; where not, the server may close
    /// the connection after it.
    pub(crate) fn is_read_by(&self, answer: &Answer) -> bool {
        let reads = ["/echo", "/slow-read"].iter().any(|path| self.path.ends_with(path));
        self.body.is_empty() || reads && answer.status == 200
    }

    /// Whether the connection may end without an answer: a server may close one on which more
    /// is sent than it wants to read, and the answer be lost with it.
    pub(crate) fn may_get_none(&self) -> bool {
        self.is_too_large()
    }

    /// Whether `answer` is one of those that are right; says what is wrong with it.
    pub(crate) fn check(&self, answer: &Answer) -> Result<(), String> {
        if answer.status >= 400 {
            let allowed = self.own.fails_with(answer.status) || self.others.contains(&answer.status);
            return match allowed {
                true => check_error(answer),
                false => Err(format!("status {}", answer.status)),
            };
        }
        let body = answer.body.as_slice();
        let right = match &self.own {
            _ if answer.status != 200 => false,
            Own::Full(text) => {
                let expected = text.replace("{id}", answer.field("x-request-id"));
                // What others make may stream, and be cut.
                body == expected.as_bytes() && answer.is_whole
                    || !answer.is_whole && text.contains("{id}") && expected.as_bytes().starts_with(body)
            }
            Own::FullOr(text, _) => body == text.as_bytes() && answer.is_whole,
            Own::Streamed(whole) => match answer.is_whole {
                true => body == whole.as_slice(),
                false => whole.starts_with(body),
            },
            Own::Begun(start) => !answer.is_whole && start.starts_with(body),
            Own::Endless(byte) => !answer.is_whole && body.iter().all(|found| found == byte),
            Own::Fails(_) => false,
        };
        match right {
            true => Ok(()),
            false => Err(wrong(answer)),
        }
    }
}

impl Own {
    fn fails_with(&self, status: u16) -> bool {
        match self {
            Self::Fails(own) | Self::FullOr(_, own) => *own == status,
            // It may fail before its head has left.
            Self::Begun(_) => matches!(status, 500 | 502),
            Self::Full(_) | Self::Streamed(_) | Self::Endless(_) => false,
        }
    }
}

/// Checks that an error has the house's form.
pub(crate) fn check_error(answer: &Answer) -> Result<(), String> {
    let (text, id) = (String::from_utf8_lossy(&answer.body), answer.field("x-request-id"));
    let is_right = answer.is_whole && !id.is_empty() && text.contains(id) && text.len() < 1000;
    match is_right {
        true => Ok(()),
        false => Err(wrong(answer)),
    }
}

/// What came, so short that it can be read.
pub(crate) fn wrong(answer: &Answer) -> String {
    let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(120)]).into_owned();
    let (length, end) = (answer.body.len(), if answer.is_whole { "whole" } else { "cut" });
    format!("status {}, {length} bytes, {end}: {body:?}", answer.status)
}

/// Mostly some bytes or kilobytes; at times longer than is allowed.
fn body(rng: &mut Rng) -> Vec<u8> {
    let length = match rng.u8(..20) {
        0 => REQUEST_BODY + rng.usize(1..REQUEST_BODY),
        1..10 => rng.usize(1..100),
        _ => rng.usize(1..40 << 10),
    };
    (0..length).map(|_| rng.u8(..)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether this answer to `/HANDLER/PATH` is taken for right.
    #[track_caller]
    fn check(handler: &str, path: &str, (status, body, is_whole): (u16, &str, bool), right: bool) {
        let ill = ILL.iter().find(|ill| ill.name == handler).unwrap();
        let kind = kinds(ill).into_iter().find(|kind| kind.path == path).unwrap();
        let answer = Answer::made(status, body, is_whole);
        let found = Case::new(ill, kind, &mut Rng::with_seed(1)).check(&answer);
        assert_eq!(found.is_ok(), right, "{handler} {path}: {found:?}");
    }

    #[test]
    fn an_answer_is_the_own_or_one_of_the_company() {
        let error = |status| (status, "failed, request id made", true);
        check("request", "ok", (200, "ok", true), true);
        check("request", "ok", (200, "raw", true), false);
        check("request", "ok", (200, "ok", false), false);
        check("request", "ok", (204, "", true), false);
        check("request", "ok", error(503), true);
        check("request", "ok", error(500), false);
        check("shared", "ok", error(500), true);
        check("raw", "ok", error(500), false);
        check("shared", "ok", (500, "without an id", true), false);
        check("shared", "trap", error(500), true);
        check("shared", "trap", (200, "", true), false);
        check("raw", "newline", error(502), true);
        check("raw", "newline", error(500), false);
        check("p2", "hello", (200, "hello from 0.2: Method::Get test /p2/hello made", true), true);
        check("p2", "hello", (200, "hello from 0.2: Method::Get test /p2/hello other", true), false);
    }

    #[test]
    fn what_is_cut_must_have_begun_right_and_not_look_whole() {
        check("request", "half", (200, "the first", false), true);
        check("request", "half", (200, "the first half", true), false);
        check("request", "half", (200, "another", false), false);
        check("request", "endless", (200, "xxx", false), true);
        check("request", "endless", (200, "xyx", false), false);
        check("p3", "stream", (200, "part 0\npart", false), true);
        check("p3", "stream", (200, "part 0\n", true), false);
    }
}
