//! What is told of tests, for people. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use super::outcome::{Failure, Outcome};
use crate::printable::printable;

/// Lines of the log that are shown of a test.
const LOG_LINES: usize = 20;

/// What came of one test.
pub(super) fn outcome(outcome: &Outcome) -> String {
    let Outcome { file, name, requests, time, failures, log, written, .. } = outcome;
    let state = if failures.is_empty() { "ok  " } else { "FAIL" };
    let requests = counted(*requests, "request");
    let mut text =
        format!("{state}  {}: {} ({requests}, {} ms)\n", printable(file), printable(name), time.as_millis());
    for file in written {
        text += &format!("      wrote {}\n", printable(file));
    }
    for Failure { line, what, compared } in failures {
        text += &format!("      {}:{line}: {}\n", printable(file), printable(what));
        if let Some((expected, got)) = compared {
            text += &format!("{}{}", lines("expected", expected), lines("got", got));
        }
    }
    let left = log.len().saturating_sub(LOG_LINES);
    if left > 0 {
        text += &format!("      log: {left} lines before these\n");
    }
    for line in log.iter().skip(left) {
        text += &format!("      log: {}\n", printable(line));
    }
    text
}

/// A text of several lines, each in its place.
fn lines(what: &str, text: &str) -> String {
    let mut shown = String::new();
    let text = if text.is_empty() { "(nothing)" } else { text };
    for (index, line) in text.lines().enumerate() {
        let what = if index == 0 { format!("{what}:") } else { String::new() };
        shown += &format!("        {what:<10}{}\n", printable(line));
    }
    shown
}

/// What came of all.
pub(super) fn summary(outcomes: &[Outcome], time: Duration) -> String {
    let failed = outcomes.iter().filter(|outcome| !outcome.failures.is_empty()).count();
    let passed = outcomes.len() - failed;
    let tests = counted(outcomes.len(), "test");
    format!("\n{tests}: {passed} passed, {failed} failed, in {:.1} s\n", time.as_secs_f64())
}

/// Which of the routes `all` no test has asked.
pub(super) fn coverage(all: &BTreeSet<String>, asked: &BTreeSet<&String>) -> String {
    let missed: Vec<_> = all.iter().filter(|route| !asked.contains(route)).collect();
    let routes = counted(all.len(), "route");
    let mut text = match missed.is_empty() {
        true => format!("{routes}, all asked\n"),
        false => format!("{routes}, of which no test asks {}:\n", missed.len()),
    };
    text.extend(missed.iter().map(|route| format!("  {}\n", printable(route))));
    text
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_where_what_was_expected_and_what_came() {
        let compared = Some(("1\n2".to_owned(), "\u{1b}[2J".to_owned()));
        let failure = Failure { line: 7, what: "body = 1".to_owned(), compared };
        let failed = Outcome {
            file: "a.http".to_owned(),
            name: "it fails".to_owned(),
            requests: 1,
            time: Duration::from_millis(3),
            failures: vec![failure, Failure::new(9, "no answer")],
            log: vec!["WARN x".to_owned()],
            ..Outcome::default()
        };
        let expected = "FAIL  a.http: it fails (1 request, 3 ms)\n      a.http:7: body = 1\n        expected: 1\n                  2\n        \
                        got:      \u{fffd}[2J\n      a.http:9: no answer\n      log: WARN x\n";
        assert_eq!(outcome(&failed), expected);
        let passed = Outcome { requests: 2, ..Outcome::default() };
        let both = [failed, passed];
        assert_eq!(summary(&both, Duration::from_millis(1250)), "\n2 tests: 1 passed, 1 failed, in 1.2 s\n");
    }

    #[test]
    fn routes_that_nobody_asks_are_named() {
        let all = BTreeSet::from(["GET /".to_owned(), "GET /a".to_owned()]);
        let asked: BTreeSet<_> = all.iter().take(1).collect();
        assert_eq!(coverage(&all, &asked), "2 routes, of which no test asks 1:\n  GET /a\n");
        assert_eq!(coverage(&all, &all.iter().collect()), "2 routes, all asked\n");
    }
}
