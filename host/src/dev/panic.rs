//! What a panic has said, found in what a call has logged. Pure.

/// A panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Panic {
    pub(super) message: String,
    /// The file as the compiler has named it, and the line.
    pub(super) place: Option<(String, u32)>,
}

/// The last panic in these lines: as the SDK says it (`panicked at FILE:LINE:COLUMN: MESSAGE`), or as
/// the standard library does, with the message in the next line.
pub(super) fn find<'l>(lines: impl DoubleEndedIterator<Item = &'l str>) -> Option<Panic> {
    let lines: Vec<&str> = lines.collect();
    let at = lines.iter().rposition(|line| line.contains("panicked at "))?;
    let (_, said) = lines.get(at)?.split_once("panicked at ")?;
    let next = || lines.get(at + 1).copied().unwrap_or_default().to_owned();
    let Some((place, rest)) = place(said) else {
        return Some(Panic { message: said.to_owned(), place: None });
    };
    let message = match rest.trim() {
        "" => next(),
        message => message.to_owned(),
    };
    Some(Panic { message, place: Some(place) })
}

/// A place in front of a text, and what comes after.
fn place(said: &str) -> Option<((String, u32), &str)> {
    // A path may have colons in it, but numbers behind them only at its end.
    let mut from = 0;
    loop {
        let at = from + said.get(from..)?.find(':')?;
        let mut parts = said.get(at + 1..)?.splitn(3, ':');
        let (line, column) = (parts.next()?.parse::<u32>(), parts.next().map(str::parse::<u32>));
        if let (Ok(line), Some(Ok(_))) = (line, column) {
            return Some(((said.get(..at)?.to_owned(), line), parts.next().unwrap_or_default()));
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_and_the_place_are_found() {
        let found = |message: &str, file: &str, line| {
            Some(Panic { message: message.to_owned(), place: Some((file.to_owned(), line)) })
        };
        for (lines, expected) in [
            (
                &["panicked at crates/a/src/lib.rs:8:5: boom: 1:2:3"][..],
                found("boom: 1:2:3", "crates/a/src/lib.rs", 8),
            ),
            (&["ERROR panic: panicked at src/lib.rs:8:5: boom"], found("boom", "src/lib.rs", 8)),
            (
                &["first", "thread '<unnamed>' panicked at src/lib.rs:10:20:", "boom", "note: run with"],
                found("boom", "src/lib.rs", 10),
            ),
            (
                &["panicked at C:/x/lib.rs:1:2: a", "panicked at C:/x/lib.rs:3:4: b"],
                found("b", "C:/x/lib.rs", 3),
            ),
            (&["panicked at nowhere"], Some(Panic { message: "nowhere".to_owned(), place: None })),
            (&["nothing"], None),
            (&[], None),
        ] {
            assert_eq!(find(lines.iter().copied()), expected, "{lines:?}");
        }
    }
}
