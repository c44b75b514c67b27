//! What is told of tests, for machines: JUnit's XML, as continuous integration reads it. Pure.

use std::time::Duration;

use super::outcome::{Failure, Outcome};

/// The report of all tests.
pub(super) fn report(outcomes: &[Outcome], time: Duration) -> String {
    let count = |outcomes: &[Outcome]| {
        let failed = outcomes.iter().filter(|outcome| !outcome.failures.is_empty()).count();
        format!("tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\"", outcomes.len())
    };
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"patchboard\" {} time=\"{}\">\n",
        count(outcomes),
        seconds(time)
    );
    for suite in outcomes.chunk_by(|a, b| a.file == b.file) {
        let Some(first) = suite.first() else { continue };
        let time = suite.iter().map(|outcome| outcome.time).sum();
        text += &format!(
            "  <testsuite name=\"{}\" {} time=\"{}\">\n",
            escaped(&first.file),
            count(suite),
            seconds(time)
        );
        suite.iter().for_each(|outcome| text += &case(outcome));
        text += "  </testsuite>\n";
    }
    text + "</testsuites>\n"
}

fn case(outcome: &Outcome) -> String {
    let Outcome { file, name, line, time, failures, log, .. } = outcome;
    let mut text = format!(
        "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{line}\" time=\"{}\">\n",
        escaped(name),
        escaped(file),
        escaped(file),
        seconds(*time)
    );
    for Failure { line, what, compared } in failures {
        let compared = compared.as_ref().map(|(expected, got)| format!("expected: {expected}\ngot: {got}"));
        text += &format!(
            "      <failure message=\"{}\">{}</failure>\n",
            escaped(what),
            escaped(&format!("{file}:{line}: {what}\n{}", compared.unwrap_or_default()))
        );
    }
    if !log.is_empty() {
        text += &format!("      <system-out>{}</system-out>\n", escaped(&log.join("\n")));
    }
    text + "    </testcase>\n"
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

/// Text as it may stand in XML 1.0, which has no place for most control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_a_suite_and_each_failure_told() {
        let of = |file: &str, name: &str| Outcome {
            file: file.to_owned(),
            name: name.to_owned(),
            line: 3,
            time: Duration::from_millis(12),
            ..Outcome::default()
        };
        let compared = Some(("\"a\"".to_owned(), "<b>\u{1b}".to_owned()));
        let failed = Outcome {
            failures: vec![Failure { line: 4, what: "body = \"a\"".to_owned(), compared }],
            log: vec!["a & b".to_owned()],
            ..of("b.http", "fails")
        };
        let report = report(&[of("a.http", "x < y"), failed], Duration::from_secs(1));
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"patchboard\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"1.000\">
  <testsuite name=\"a.http\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\" time=\"0.012\">
    <testcase name=\"x &lt; y\" classname=\"a.http\" file=\"a.http\" line=\"3\" time=\"0.012\">
    </testcase>
  </testsuite>
  <testsuite name=\"b.http\" tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"0.012\">
    <testcase name=\"fails\" classname=\"b.http\" file=\"b.http\" line=\"3\" time=\"0.012\">
      <failure message=\"body = &quot;a&quot;\">b.http:4: body = &quot;a&quot;
expected: &quot;a&quot;
got: &lt;b&gt;\u{fffd}</failure>
      <system-out>a &amp; b</system-out>
    </testcase>
  </testsuite>
</testsuites>
";
        assert_eq!(report, expected);
    }
}
