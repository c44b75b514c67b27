//! A client: one request by a pipe, and what came back.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadHalf};
use tokio::time::{Instant, sleep, timeout};

use crate::schedule::{Ask, Manner};

/// What a slow client sends or takes at once.
const PIECE: usize = 64;
/// What is read of a body without end.
const ENOUGH: usize = 4096;
/// Longer than any limit: what has not come by then never does.
const FOR_EVER: Duration = Duration::from_secs(600);

/// What a client saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The status, if there was an answer.
    pub(crate) status: Option<u16>,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its own end.
    pub(crate) is_whole: bool,
    /// Whether the client left by itself.
    pub(crate) has_left: bool,
    /// Whether anything came after the answer, or it was none.
    pub(crate) is_malformed: bool,
    pub(crate) took: Duration,
}

/// Asks by `pipe`.
pub(crate) async fn ask(pipe: DuplexStream, ask: Ask, manner: Manner) -> Seen {
    let start = Instant::now();
    let (mut reader, mut writer) = tokio::io::split(pipe);
    let request = request(ask);
    let exchange = async {
        // Who sends and does not read may wait for ever.
        let sending = send(&mut writer, &request, manner);
        let reading = read(&mut reader, ask, manner);
        tokio::join!(sending, reading).1
    };
    let mut seen = match manner {
        Manner::Leaves(after) => match timeout(Duration::from_millis(after), exchange).await {
            Ok(bytes) => parse(&bytes),
            Err(_) => Seen { has_left: true, ..Seen::default() },
        },
        _ => match timeout(FOR_EVER, exchange).await {
            Ok(bytes) => parse(&bytes),
            Err(_) => Seen::default(),
        },
    };
    seen.has_left |= ask == Ask::Endless;
    seen.took = start.elapsed();
    seen
}

/// The bytes of the body that is sent.
pub(crate) fn sent(length: usize) -> Vec<u8> {
    (0..length).map(|index| b'a' + u8::try_from(index % 26).unwrap_or_default()).collect()
}

fn request(ask: Ask) -> Vec<u8> {
    let get =
        |path: &str| format!("GET {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n").into_bytes();
    let post = |path: &str, length: usize| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        [head.into_bytes(), sent(length)].concat()
    };
    match ask {
        Ask::Ok => get("/ok"),
        Ask::Sleep(ms) => get(&format!("/sleep?ms={ms}")),
        Ask::SleepOnce(ms) => post(&format!("/sleep?ms={ms}"), 0),
        Ask::Never => get("/never"),
        Ask::Stall => get("/stall"),
        Ask::Endless => get("/endless"),
        Ask::Echo(length) => post("/echo", length),
        Ask::SlowRead(length) => post("/slow-read", length),
        Ask::Compute(steps) => get(&format!("/compute?steps={steps}")),
        Ask::Trap => get("/trap"),
        Ask::TrapLater(ms) => get(&format!("/trap-later?ms={ms}")),
        Ask::Half => get("/half"),
        Ask::Spin => get("/spin"),
    }
}

async fn send(writer: &mut (impl AsyncWrite + Unpin), request: &[u8], manner: Manner) {
    let Manner::Slow(ms) = manner else {
        writer.write_all(request).await.ok();
        return;
    };
    for piece in request.chunks(PIECE) {
        if writer.write_all(piece).await.is_err() {
            return;
        }
        sleep(Duration::from_millis(ms)).await;
    }
}

async fn read(reader: &mut ReadHalf<DuplexStream>, ask: Ask, manner: Manner) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut piece = [0; PIECE];
    loop {
        match reader.read(&mut piece).await {
            Ok(0) | Err(_) => return bytes,
            Ok(length) => bytes.extend_from_slice(piece.get(..length).unwrap_or_default()),
        }
        if ask == Ask::Endless && bytes.len() >= ENOUGH {
            return bytes;
        }
        if let Manner::Slow(ms) = manner {
            sleep(Duration::from_millis(ms)).await;
        }
    }
}

/// Reads the one answer that `bytes` are to be.
fn parse(bytes: &[u8]) -> Seen {
    let malformed = || Seen { is_malformed: !bytes.is_empty(), ..Seen::default() };
    let text = String::from_utf8_lossy(bytes);
    let Some((head, rest)) = text.split_once("\r\n\r\n") else { return malformed() };
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let Some(status) = status else { return malformed() };
    let fields: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let field = |name: &str| {
        fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    };
    let seen = |body: &str, is_whole, is_malformed| Seen {
        status: Some(status),
        body: body.as_bytes().to_vec(),
        is_whole,
        is_malformed,
        ..Seen::default()
    };
    if let Some(length) = field("content-length").and_then(|length| length.parse::<usize>().ok()) {
        return seen(rest, rest.len() == length, rest.len() > length);
    }
    let (mut body, mut rest) = (String::new(), rest);
    loop {
        let Some((length, after)) = rest.split_once("\r\n") else { return seen(&body, false, false) };
        let Ok(length) = usize::from_str_radix(length, 16) else { return seen(&body, false, true) };
        if length == 0 {
            return seen(&body, after == "\r\n", after.len() > 2);
        }
        body += after.get(..length.min(after.len())).unwrap_or_default();
        let Some(next) = after.get(length..).and_then(|after| after.strip_prefix("\r\n")) else {
            return seen(&body, false, false);
        };
        rest = next;
    }
}
