//! From the text of a file to its tests.
//!
//! `### name` begins a test; `###` alone begins a further request of it. What directs is written
//! before a request's line; before the first `###`, it holds for all tests of the file.

use std::time::Duration;

use super::block::{Block, blocks};
use super::directive::{self, Directive};
use super::expect::{Expect, Want};
use super::model::{Answer, Content, HttpFile, Reply, Setup, Step, Take, Test};
use super::request::Request;
use super::text::{Text, Variables, is_name};
use crate::problem::Problem;

/// How long a request may take that says nothing else.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The tests of the file `place`, whose text is `text`.
///
/// # Errors
///
/// All that is wrong with it.
pub(in crate::testing) fn parse(place: &str, text: &str) -> Result<HttpFile, Vec<Problem>> {
    let mut parser = Parser { file: HttpFile::default(), problems: Vec::new() };
    let blocks = blocks(text);
    for (line, name, value) in blocks.iter().flat_map(|block| &block.variables) {
        parser.variable(*line, name, value);
    }
    blocks.iter().for_each(|block| parser.block(block));
    let Parser { file, mut problems } = parser;
    problems.extend(unknown(place, &file));
    problems.sort_by_key(|(line, _)| *line);
    match problems.is_empty() {
        true => Ok(file),
        false => Err(problems
            .into_iter()
            .map(|(line, wrong)| Problem::new(format!("{place}:{line}"), wrong))
            .collect()),
    }
}

struct Parser {
    file: HttpFile,
    problems: Vec<(usize, String)>,
}

/// What the directives of a block come to.
#[derive(Default)]
struct Directed {
    name: Option<String>,
    setup: Setup,
    /// The first line of the setup.
    setup_line: Option<usize>,
    expects: Vec<Expect>,
    snapshot: Option<usize>,
    takes: Vec<Take>,
    answers: Vec<Answer>,
    until: Option<Text>,
    timeout: Option<Duration>,
    /// The first line of what is about a request.
    request_line: Option<usize>,
}

impl Parser {
    fn wrong(&mut self, line: usize, wrong: impl Into<String>) {
        self.problems.push((line, wrong.into()));
    }

    fn variable(&mut self, line: usize, name: &str, value: &str) {
        if !is_name(name) {
            return self.wrong(line, format!("`{name}` is no name for a variable; write `@name = value`"));
        }
        let value = Text::new(value).fill(&self.file.variables);
        self.file.variables.insert(name.to_owned(), value);
    }

    fn block(&mut self, block: &Block<'_>) {
        self.problems.extend(block.problems.iter().cloned());
        let directed = self.directed(block);
        let Some(written) = &block.request else {
            return self.without_request(block, directed);
        };
        let variables = self.file.variables.clone();
        let mut wrong = |line, wrong| self.problems.push((line, wrong));
        let Request { method, target, fields, body } = Request::read(written, &variables, &mut wrong);
        let Directed { name, setup, setup_line, expects, snapshot, takes, answers, until, timeout, .. } =
            directed;
        let name = block.heading.filter(|heading| !heading.is_empty()).map(str::to_owned).or(name);
        if name.is_some() || self.file.tests.is_empty() {
            let name = name.unwrap_or_else(|| format!("{method} {}", target.written()));
            if self.file.tests.iter().any(|other| other.name == name) {
                self.wrong(
                    block.line,
                    format!("there is a test `{name}` already; give this one another name"),
                );
            }
            self.file.tests.push(Test { name, line: written.line.min(block.line), setup, steps: Vec::new() });
        } else if let Some(line) = setup_line {
            self.wrong(line, "its test has begun before; write it before the first request of the test");
        }
        let step = Step {
            line: written.line,
            method,
            target,
            fields,
            body,
            expects,
            snapshot,
            takes,
            answers,
            until,
            timeout: timeout.unwrap_or(TIMEOUT),
        };
        if let Some(test) = self.file.tests.last_mut() {
            test.steps.push(step);
        }
    }

    /// What is before the first `###` holds for all tests.
    fn without_request(&mut self, block: &Block<'_>, directed: Directed) {
        let is_empty = directed.setup_line.is_none() && directed.request_line.is_none();
        match block.heading {
            None => {
                let Directed { setup, answers, request_line, .. } = directed;
                if let Some(line) = request_line {
                    self.wrong(line, "it is of no request; write it after a `###`, before a request's line");
                }
                (self.file.setup, self.file.answers) = (setup, answers);
            }
            Some("") if is_empty => {}
            Some(_) if !block.problems.is_empty() => {}
            Some(_) => self.wrong(block.line, "there is no request in it; write one such as `GET /items`"),
        }
    }

    fn directed(&mut self, block: &Block<'_>) -> Directed {
        let mut directed = Directed::default();
        for (line, text) in &block.directives {
            match directive::read(*line, text) {
                Ok(directive) => {
                    if let Err(wrong) = directed.take(*line, text, directive) {
                        self.wrong(*line, wrong);
                    }
                }
                Err(wrong) => self.wrong(*line, wrong),
            }
        }
        directed
    }
}

impl Directed {
    fn take(&mut self, line: usize, text: &str, directive: Directive) -> Result<(), String> {
        let no_answer = || "it is of no answer; write `# @answer METHOD URL STATUS` before it".to_owned();
        let reply = |answers: &mut Vec<Answer>, change: &mut dyn FnMut(&mut Reply)| match answers
            .last_mut()
            .and_then(|answer| answer.reply.as_mut())
        {
            Some(reply) => {
                change(reply);
                Ok(())
            }
            None => Err(no_answer()),
        };
        match &directive {
            Directive::Secret(..) | Directive::Environment(..) | Directive::Clock(_) => {
                self.setup_line.get_or_insert(line);
            }
            Directive::Expect(_) | Directive::Take(_) | Directive::Until(_) | Directive::Timeout(_) => {
                self.request_line.get_or_insert(line);
            }
            _ => {}
        }
        let written = text.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim()).to_owned();
        match directive {
            Directive::Expect(Want::Check(subject, check)) => {
                self.expects.push(Expect { line, written, subject, check });
            }
            Directive::Expect(Want::Snapshot) => self.snapshot = Some(line),
            Directive::Take(take) => self.takes.push(take),
            Directive::Until(text) => self.until = Some(text),
            Directive::Timeout(timeout) => self.timeout = Some(timeout),
            Directive::Answer(answer) => self.answers.push(answer),
            Directive::AnswerField(name, value) => {
                reply(&mut self.answers, &mut |reply| reply.fields.push((name.clone(), value.clone())))?;
            }
            Directive::AnswerBody(content) => {
                reply(&mut self.answers, &mut |reply| reply.body = joined(&reply.body, &content))?;
            }
            Directive::Asked(subject, check) => {
                let answer = self.answers.last_mut().ok_or_else(no_answer)?;
                answer.expects.push(Expect { line, written, subject, check });
            }
            Directive::Secret(name, value) => _ = self.setup.secrets.insert(name, value),
            Directive::Environment(name, value) => _ = self.setup.environment.insert(name, value),
            Directive::Clock(moment) => self.setup.clock = Some(moment),
            Directive::Name(name) => self.name = Some(name),
            Directive::None => {}
        }
        Ok(())
    }
}

/// A body of several lines.
fn joined(before: &Content, next: &Content) -> Content {
    match (before, next) {
        (Content::Written(before), Content::Written(next)) => {
            Content::Written(Text::new(format!("{}\n{}", before.written(), next.written())))
        }
        _ => next.clone(),
    }
}

/// The places that nothing fills.
fn unknown(place: &str, file: &HttpFile) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    let mut look = |line: usize, known: &Variables, text: &Text| {
        for name in text.names().filter(|name| !known.contains_key(*name)) {
            let remedy = match name.starts_with('$') {
                true => {
                    "what differs from run to run cannot be foretold; write a value of your own".to_owned()
                }
                false => format!(
                    "write `@{name} = VALUE` in {place}, or `# @take {name} = json $.PATH` at a request before"
                ),
            };
            problems.push((line, format!("{{{{{name}}}}} has no value; {remedy}")));
        }
    };
    let answers = |known: &Variables, answers: &[Answer], look: &mut dyn FnMut(usize, &Variables, &Text)| {
        for answer in answers {
            look(answer.line, known, &answer.url);
            if let Some(reply) = &answer.reply {
                reply.fields.iter().for_each(|(_, value)| look(answer.line, known, value));
                if let Content::Written(body) = &reply.body {
                    look(answer.line, known, body);
                }
            }
            answer
                .expects
                .iter()
                .for_each(|expect| expect.texts().for_each(|text| look(expect.line, known, text)));
        }
    };
    answers(&file.variables, &file.answers, &mut look);
    for test in &file.tests {
        let mut known = file.variables.clone();
        for step in &test.steps {
            look(step.line, &known, &step.target);
            step.fields.iter().for_each(|(_, value)| look(step.line, &known, value));
            if let Content::Written(body) = &step.body {
                look(step.line, &known, body);
            }
            step.until.iter().for_each(|text| look(step.line, &known, text));
            step.expects
                .iter()
                .for_each(|expect| expect.texts().for_each(|text| look(expect.line, &known, text)));
            answers(&known, &step.answers, &mut look);
            known.extend(step.takes.iter().map(|take| (take.name.clone(), String::new())));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
# What holds for all.
# @secret key = {{word}}
# @answer GET https://api.example.com/* 200
# @answer-field Content-Type: text/plain
# @answer-body one
# @answer-body two
@word = sesame
@host = http://localhost:8080

### it is added and shown
# @clock 2026-01-31T12:00:00Z
// @expect status 201
# @take id = json $.id
POST {{host}}/items HTTP/1.1
Content-Type: application/json
# Authorization: not sent

{
  "name": "apple" # no comment
}


###
# @until data:
# @timeout 2s
# @expect snapshot
GET /items/{{id}}
    ?a=1
    &b=2

### by another client's name
/plain

<> 2026-01-31.200.json

###
"#;

    #[test]
    fn a_file_is_read() {
        let file = parse("a.http", FILE).unwrap();
        assert_eq!(file.variables["host"], "http://localhost:8080");
        assert_eq!(file.setup.secrets["key"].fill(&file.variables), "sesame");
        let reply = file.answers[0].reply.as_ref().unwrap();
        assert_eq!(reply.body, Content::Written(Text::new("one\ntwo")));
        assert_eq!(reply.fields, [("content-type".to_owned(), Text::new("text/plain"))]);
        let names: Vec<_> =
            file.tests.iter().map(|test| (&*test.name, test.line, test.steps.len())).collect();
        assert_eq!(names, [("it is added and shown", 11, 2), ("by another client's name", 32, 1)]);
        let [added, shown] = &file.tests[0].steps[..] else { panic!("two requests") };
        assert!(file.tests[0].setup.clock.is_some());
        assert_eq!(
            (added.line, added.method.as_str(), added.target.written()),
            (15, "POST", "{{host}}/items")
        );
        assert_eq!(added.fields, [("content-type".to_owned(), Text::new("application/json"))]);
        assert_eq!(added.body, Content::Written(Text::new("{\n  \"name\": \"apple\" # no comment\n}")));
        assert_eq!((added.expects.len(), added.takes.len()), (1, 1));
        assert_eq!(shown.target.written(), "/items/{{id}}?a=1&b=2");
        assert_eq!((shown.snapshot, shown.timeout), (Some(27), Duration::from_secs(2)));
        assert_eq!(shown.until, Some(Text::new("data:")));
        assert_eq!(file.tests[1].steps[0].target.written(), "/plain");
    }

    /// Also those that no handler of the page could pass.
    #[test]
    fn all_files_of_the_documentation_can_be_read() {
        let page = include_str!("../../../../docs/testing.md");
        let blocks: Vec<_> = page.split("\n```http").skip(1).collect();
        assert!(blocks.len() > 2);
        for block in blocks {
            let (_, rest) = block.split_once('\n').unwrap();
            let text = rest.split("\n```").next().unwrap();
            assert!(!parse("testing.md", text).unwrap().tests.is_empty());
        }
    }

    #[test]
    fn bodies_are_as_their_types_want_them() {
        for (media_type, lines, expected) in [
            ("application/x-www-form-urlencoded", "a=1\n&b=2", Content::Written(Text::new("a=1&b=2"))),
            ("{{form}}", "a=1\n&b=2", Content::Written(Text::new("a=1&b=2"))),
            ("multipart/form-data; boundary=x", "--x\n\na", Content::Written(Text::new("--x\r\n\r\na\r\n"))),
            ("text/plain", "a\n\nb\n", Content::Written(Text::new("a\n\nb"))),
            ("text/plain", "< ./a.txt", Content::File("./a.txt".to_owned())),
            ("text/plain", "", Content::None),
        ] {
            let text = format!(
                "@form = application/x-www-form-urlencoded\n### a\nPOST /\nContent-Type: {media_type}\n\n{lines}\n"
            );
            let file = parse("a.http", &text).unwrap();
            assert_eq!(file.tests[0].steps[0].body, expected, "{lines}");
        }
    }

    #[test]
    fn a_file_without_a_heading_is_a_test() {
        let file = parse("a.http", "# @expect status 200\r\nGET /\r\nA: b\r\n\r\nbody\r\n").unwrap();
        assert_eq!(file.tests[0].name, "GET /");
        assert_eq!(file.tests[0].steps[0].body, Content::Written(Text::new("body")));
        assert!(parse("a.http", "").unwrap().tests.is_empty());
    }

    /// Each with its line, and a part of what is said.
    #[test]
    fn what_is_wrong_is_said_with_its_line_and_what_to_write() {
        for (text, line, said) in [
            (
                "### a\nGET items\n",
                2,
                "`items` is no path and no URL; write a request's line such as `GET /items`",
            ),
            ("### a\nG{T /\n", 2, "`G{T` is no method"),
            ("### a\nGET /\nno field\n", 3, "`no field` is no field; write `Name: value`"),
            ("### a\nGET /\na b: c\n", 3, "`a b` is no name of a field"),
            ("### a\n", 1, "there is no request in it"),
            ("### a\nGET /\n### a\nGET /\n", 3, "there is a test `a` already"),
            (
                "### a\nGET /{{id}}\n",
                2,
                "{{id}} has no value; write `@id = VALUE` in a.http, or `# @take id = ",
            ),
            ("### a\nGET /\n\n{{$guid}}\n", 2, "cannot be foretold"),
            ("@a b\n", 1, "`@a b` sets nothing; write `@name = value`"),
            ("@a b = 1\n", 1, "`a b` is no name for a variable"),
            ("### a\n# @expext status 200\nGET /\n", 2, "`@expext` is not known; did you mean @expect?"),
            ("### a\n# @what\nGET /\n", 2, "`@what` is not known; there is @expect, @take"),
            ("### a\n# @expect\nGET /\n", 2, "is nothing that can be expected; write `status 201`"),
            ("### a\n# @expect status ok\nGET /\n", 2, "`ok` is no status; write one such as 201, or 2xx"),
            ("### a\n# @expect status 2000\nGET /\n", 2, "`2000` is no status"),
            ("### a\n# @expect body\nGET /\n", 2, "says nothing that can be checked; write `= VALUE`"),
            ("### a\n# @expect body = \"\\x\"\nGET /\n", 2, "is no text in quotes"),
            ("### a\n# @expect field a b c\nGET /\n", 2, "`b c` says nothing that can be checked"),
            ("### a\n# @expect json a = 1\nGET /\n", 2, "is no path; write a path such as $.items[0].name"),
            ("### a\n# @expect json $.a = apple\nGET /\n", 2, "`apple` is no JSON; write text in quotes"),
            ("### a\n# @expect body matches (\nGET /\n", 2, "`(` is no regular expression"),
            ("### a\n# @expect json $ length x\nGET /\n", 2, "`x` is no length"),
            ("### a\nGET /\n# @expect status 200\n", 3, "is too late; write it before the request's line"),
            (
                "### a\nGET /\n\n# @expect status 200\n",
                4,
                "is in the body; write it before the request's line",
            ),
            ("### a\nGET /\n\n> {% client.test() %}\n", 4, "scripts are not run"),
            ("### a\n< {% x %}\nGET /\n", 2, "scripts are not run"),
            ("# @expect status 200\n### a\nGET /\n", 1, "it is of no request"),
            ("### a\nGET /\n###\n# @secret a = b\nGET /\n", 4, "its test has begun before"),
            ("### a\n# @secret a\nGET /\n", 2, "`a` says no value; write `# @secret NAME = VALUE`"),
            ("### a\n# @clock noon\nGET /\n", 2, "`noon` is no time; write `# @clock 2026-01-31T12:00:00Z`"),
            ("### a\n# @timeout soon\nGET /\n", 2, "`soon` is no time; write `# @timeout 5s`"),
            ("### a\n# @timeout 1day\nGET /\n", 2, "it is at most 10m"),
            ("### a\n# @until\nGET /\n", 2, "write `# @until TEXT`"),
            ("### a\n# @take id\nGET /\n", 2, "`id` takes nothing; write `# @take id = json $.id`"),
            ("### a\n# @take id = cookie x\nGET /\n", 2, "`cookie` is nothing to take from"),
            ("### a\n# @take id = body finds x\nGET /\n", 2, "`finds x` is not known"),
            ("### a\n# @answer GET /x 200\nGET /\n", 2, "`/x` is no URL; write `# @answer GET https://"),
            ("### a\n# @answer GET http://x/ 100\nGET /\n", 2, "`100` is no status of an answer"),
            ("### a\n# @answer GET http://x/\nGET /\n", 2, "is no answer; write"),
            (
                "### a\n# @answer-body x\nGET /\n",
                2,
                "it is of no answer; write `# @answer METHOD URL STATUS`",
            ),
            ("### a\n# @answer GET http://x/ closed\n# @answer-body x\nGET /\n", 3, "it is of no answer"),
            ("### a\n# @answer-field x y\nGET /\n", 2, "is no field; write `# @answer-field Name: value`"),
            ("### a\n# @asked body = x\nGET /\n", 2, "it is of no answer"),
            ("### a\n# @asked status 200\nGET /\n", 2, "a request has no status"),
        ] {
            let problems = parse("a.http", text).expect_err(text);
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
            let shown = problems[0].to_string();
            assert!(
                shown.starts_with(&format!("a.http:{line}: ")) && shown.contains(said),
                "{text}: {shown}"
            );
            assert!(!shown.contains('\n'), "{shown}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let problems = parse("a.http", "### a\n# @x\nGET x\nb\n###\nGET /{{c}}\n").unwrap_err();
        let places: Vec<_> = problems.iter().map(|problem| &*problem.place).collect();
        assert_eq!(places, ["a.http:2", "a.http:3", "a.http:4", "a.http:6"]);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_in_a_file_is_read_or_refused(text in "[#@/ a-z{}=:$.\\[\\]0-9\n\r\"<>%éT]{0,200}") {
            if let Err(problems) = parse("a.http", &text) {
                let lines = text.lines().count().max(1);
                for problem in problems {
                    let line: usize = problem.place.strip_prefix("a.http:").unwrap().parse().unwrap();
                    assert!((1..=lines).contains(&line), "{line} of {lines}");
                }
            }
        }
    }
}
