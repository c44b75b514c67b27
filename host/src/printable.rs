//! Text of others as it may be shown in a log, a terminal or a table: in one line, without what
//! moves a cursor or turns the writing around. Pure.

use std::borrow::Cow;

/// `text`, in which each character that a reader would not see is one that says so.
pub fn printable(text: &str) -> Cow<'_, str> {
    match text.chars().any(is_unseen) {
        false => text.into(),
        true => text.chars().map(|c| if is_unseen(c) { '\u{fffd}' } else { c }).collect::<String>().into(),
    }
}

/// Controls, ends of lines, and what says in which direction text is read (UAX 9).
fn is_unseen(c: char) -> bool {
    c != '\t'
        && (c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is() {
        for text in ["", "a b\tc", "grüße, 日本 \u{301}", "\u{fffd}"] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        for c in
            ['\n', '\r', '\0', '\u{1b}', '\u{7f}', '\u{9b}', '\u{85}', '\u{2028}', '\u{202e}', '\u{2066}']
        {
            assert_eq!(printable(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
    }
}
