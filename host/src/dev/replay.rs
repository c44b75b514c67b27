//! The last requests, run again on another version: which answers differ.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::compare::difference;
use super::desk::Desk;
use super::keep::{Entry, Kept};

/// How long one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long all are.
const LONGEST: Duration = Duration::from_secs(20);
/// Differences that are listed.
const LISTED: usize = 20;

/// Asks the server at `address` again what it was asked last; gives what is different, in lines, or
/// nothing where it was asked nothing, or `round` has become another one.
pub(super) fn run(
    desk: &Desk,
    address: SocketAddr,
    round: (&AtomicU64, u64),
) -> anyhow::Result<Option<String>> {
    let entries = desk.keep.all();
    if entries.is_empty() {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begun = Instant::now();
    let (mut asked, mut differ, mut vary) = (0, Vec::new(), 0);
    for entry in &entries {
        if round.0.load(Ordering::Relaxed) != round.1 {
            return Ok(None);
        }
        if begun.elapsed() > LONGEST {
            break;
        }
        asked += 1;
        let ask = |since| LocalSet::new().block_on(&runtime, again(desk, address, &entry.request, since));
        let Some(new) = ask(entry.times) else {
            differ.push(format!("{}: no answer within {PATIENCE:?}", shown(&entry.request)));
            continue;
        };
        let Some(what) = difference(&entry.answer, &new.answer) else { continue };
        // What is another one each time is no news: a clock, a counter.
        let is_same_status = entry.answer.status == new.answer.status;
        let varies =
            || ask(new.times).is_some_and(|other: Entry| difference(&new.answer, &other.answer).is_some());
        match is_same_status && varies() {
            true => vary += 1,
            false => differ.push(format!("{}: {what}", shown(&entry.request))),
        }
    }
    Ok(Some(report(&differ, asked, entries.len(), vary)))
}

fn shown(request: &Kept) -> String {
    format!("{} {}", request.method, crate::printable::printable(&request.target))
}

fn report(differ: &[String], asked: usize, all: usize, vary: usize) -> String {
    let noun = if asked == 1 { "answer" } else { "answers" };
    let mut text = match differ.len() {
        0 => format!("no answer of {asked} differs"),
        1 => format!("1 of {asked} {noun} differs"),
        many => format!("{many} of {asked} {noun} differ"),
    };
    if vary > 0 {
        text += &format!("; {vary} differ from call to call");
    }
    if asked < all {
        text += &format!("; {} were not asked for again, as it took too long", all - asked);
    }
    for line in differ.iter().take(LISTED) {
        text += &format!("\n  {line}");
    }
    if differ.len() > LISTED {
        text += &format!("\n  and {} more", differ.len() - LISTED);
    }
    text
}

/// Sends `request`, and gives what was kept of its answer.
async fn again(desk: &Desk, address: SocketAddr, request: &Kept, since: u64) -> Option<Entry> {
    let sent = tokio::time::timeout(PATIENCE, send(address, request)).await;
    if let Ok(Err(error)) = &sent {
        tracing::debug!(%error, "cannot ask {} again", request.target);
    }
    sent.ok()?.ok()?;
    desk.keep.since(request, since)
}

async fn send(address: SocketAddr, request: &Kept) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await.context("cannot connect")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the answer.
    tokio::task::spawn_local(connection);
    let mut again = Request::new(Full::new(request.body.clone()));
    *again.method_mut() = request.method.clone();
    *again.uri_mut() = request.target.parse()?;
    *again.headers_mut() = request.headers.clone();
    let mut body = sender.send_request(again).await?.into_body();
    // What it says is kept where it is made.
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_what_differs() {
        let differ: Vec<_> = (0..22).map(|number| format!("GET /{number}: body")).collect();
        for (count, asked, all, vary, expected) in [
            (0, 3, 3, 0, "no answer of 3 differs"),
            (0, 3, 3, 2, "no answer of 3 differs; 2 differ from call to call"),
            (1, 1, 1, 0, "1 of 1 answer differs\n  GET /0: body"),
            (2, 40, 40, 0, "2 of 40 answers differ\n  GET /0: body\n  GET /1: body"),
            (0, 2, 5, 0, "no answer of 2 differs; 3 were not asked for again, as it took too long"),
        ] {
            assert_eq!(report(&differ[..count], asked, all, vary), expected);
        }
        assert!(report(&differ, 30, 30, 0).ends_with("\n  GET /19: body\n  and 2 more"));
    }
}
