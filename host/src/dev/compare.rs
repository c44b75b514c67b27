//! What is different between two answers to one request, in a line. Pure.

use super::answer::{Answer, Content, KEPT_BYTES};
use crate::printable::printable;

/// What is shown of a line or a field, in characters.
const SHOWN: usize = 60;

/// What is different; nothing where they are the same.
pub(super) fn difference(before: &Answer, after: &Answer) -> Option<String> {
    if before.status != after.status {
        let why = after.failure.as_ref().map(|why| format!(" ({})", cut(why))).unwrap_or_default();
        return Some(format!("status {} → {}{why}", before.status.as_u16(), after.status.as_u16()));
    }
    if before.failure != after.failure {
        return Some(format!("{} → {}", failure(before), failure(after)));
    }
    for (name, before, after) in [
        ("content-type", &before.content_type, &after.content_type),
        ("location", &before.location, &after.location),
    ] {
        if before != after {
            let shown = |value: &Option<String>| value.as_deref().map_or("none".to_owned(), cut);
            return Some(format!("{name} {} → {}", shown(before), shown(after)));
        }
    }
    body(&before.body, &after.body)
}

fn failure(answer: &Answer) -> String {
    answer.failure.as_deref().map_or_else(|| "an answer".to_owned(), cut)
}

fn body(before: &Content, after: &Content) -> Option<String> {
    if (before.length, before.hash) == (after.length, after.hash) {
        return None;
    }
    let bytes = format!("body, {} → {} bytes", before.length, after.length);
    let whole = |content: &Content| content.length <= KEPT_BYTES as u64;
    let (Ok(one), Ok(other)) = (std::str::from_utf8(&before.start), std::str::from_utf8(&after.start)) else {
        return Some(bytes);
    };
    if !whole(before) || !whole(after) {
        return Some(bytes);
    }
    let (mut one, mut other) = (one.lines(), other.lines());
    let mut number = 0;
    loop {
        number += 1;
        let lines = (one.next(), other.next());
        match lines {
            (None, None) => return Some(bytes),
            (before, after) if before != after => {
                let shown = |line: Option<&str>| {
                    line.map_or("nothing".to_owned(), |line| format!("{:?}", cut(line.trim())))
                };
                return Some(format!("body, line {number}: {} → {}", shown(before), shown(after)));
            }
            _ => {}
        }
    }
}

/// As much of `text` as is shown.
fn cut(text: &str) -> String {
    let shown = printable(text);
    match shown.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", shown.get(..at).unwrap_or_default()),
        None => shown.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let content = Content::of(&body.to_owned().into());
        let answer = Answer::new(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), None);
        Answer { body: content, ..answer }
    }

    #[test]
    fn the_first_difference_is_told() {
        let long = "x".repeat(KEPT_BYTES + 1);
        for (before, after, expected) in [
            (answer(200, "a"), answer(200, "a"), None),
            (answer(200, "a"), answer(404, "b"), Some("status 200 → 404".to_owned())),
            (
                answer(200, "a"),
                Answer { failure: Some("it trapped".to_owned()), ..answer(500, "") },
                Some("status 200 → 500 (it trapped)".to_owned()),
            ),
            (
                answer(200, "a\nb\nc"),
                answer(200, "a\n\"x\"\nc"),
                Some("body, line 2: \"b\" → \"\\\"x\\\"\"".to_owned()),
            ),
            (answer(200, "a"), answer(200, "a\nb"), Some("body, line 2: nothing → \"b\"".to_owned())),
            (answer(200, "a\n"), answer(200, "a"), Some("body, 2 → 1 bytes".to_owned())),
            (answer(200, &long), answer(200, "a"), Some("body, 65537 → 1 bytes".to_owned())),
            (
                answer(302, ""),
                Answer { location: Some("/b".to_owned()), ..answer(302, "") },
                Some("location none → /b".to_owned()),
            ),
        ] {
            assert_eq!(difference(&before, &after), expected);
        }
    }
}
