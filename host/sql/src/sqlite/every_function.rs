//! Every function that SQLite brings is here: with calls of it that cost the most, which end soon
//! after their time-out all the same, or as refused. A function that is new in a later version of
//! SQLite fails the test until it is in one of the lists.
//!
//! What has to be bounded is a step, since SQLite looks at the clock between steps. So each
//! function is called once with the longest values there can be, and in a loop without end.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

use super::tests::{Subject, subject};
use crate::{Error, Limits};

/// The CPU time that a thread may take for a statement that has 50 ms, on a slow machine and
/// with a SQLite that no compiler has optimised. What is more than linear in 4 MB takes hours.
const MOST: Duration = Duration::from_secs(20);

/// How long it is waited for that on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// Functions and calls of them, each of which is one step. What is in braces is a value of
/// [`LARGE`].
const ONCE: &[(&str, &[&str])] = &[
    ("->", &["{a} -> '$[300000]'", "{o} -> '$.x299999'", "{d} -> {path}"]),
    ("->>", &["{a} ->> '$[300000]'", "{o} ->> 'x299999'", "{q} ->> '$'"]),
    ("abs", &["abs({f})", "abs({x})"]),
    ("bm25", &["bm25({x})"]),
    ("changes", &["changes()"]),
    ("char", &["char({list})"]),
    ("coalesce", &["coalesce(NULL, {x})"]),
    ("concat", &["concat({x}, {x})", "concat(substr({x}, 1, 2000000), substr({x}, 1, 1900000))"]),
    ("concat_ws", &["concat_ws({x}, 1, 2, 3)", "concat_ws(',', substr({x}, 1, 3900000), 1)"]),
    ("current_date", &["current_date"]),
    ("current_time", &["current_time"]),
    ("current_timestamp", &["current_timestamp"]),
    ("date", &["date({x})", "date('now', {x})", "date('now', {modifiers})"]),
    ("datetime", &["datetime({x})", "datetime('now', {modifiers})"]),
    (
        "format",
        &[
            "format({formats}, 1)",
            "format({widths}, 1)",
            "format('%.3999999d', 1)",
            "format('%.3999999f', 1e300)",
        ],
    ),
    ("fts5", &["fts5({x})"]),
    ("fts5_get_locale", &["fts5_get_locale({x}, 1)"]),
    ("fts5_insttoken", &["fts5_insttoken({x})"]),
    ("fts5_locale", &["fts5_locale('en', {x})", "fts5_locale({x}, 'a')"]),
    ("fts5_source_id", &["fts5_source_id()"]),
    ("glob", &["{x} GLOB '*' || substr({x}, 1, 60) || '*' || substr({x}, 1, 60) || 'b'", "glob({y}, {x})"]),
    ("hex", &["hex(substr({x}, 1, 1900000))", "hex({x})"]),
    ("highlight", &["highlight({x}, 0, 'a', 'b')"]),
    ("if", &["if(0, 1, {x})"]),
    ("ifnull", &["ifnull(NULL, {x})"]),
    ("iif", &["iif(0, 1, {x})"]),
    ("instr", &["instr({x}, {y})", "instr({b}, {y})"]),
    ("json", &["json({a})", "json({o})", "json({d})", "json({q})", "json({x})", "json({b})"]),
    ("json_array", &["json_array({a}, {x})", "json_array({q})", "json_array({list})"]),
    ("json_array_insert", &["json_array_insert({a}, '$[0]', 1)", "json_array_insert({a}, {pairs})"]),
    ("json_array_length", &["json_array_length({a})", "json_array_length({d}, {path})"]),
    (
        "json_error_position",
        &["json_error_position({a} || 'x')", "json_error_position({d})", "json_error_position({x})"],
    ),
    (
        "json_extract",
        &["json_extract({a}, {paths})", "json_extract({o}, '$.x299999')", "json_extract({d}, {path})"],
    ),
    (
        "json_insert",
        &["json_insert({a}, {pairs})", "json_insert({o}, '$.new', {x})", "json_insert('{}', {path}, 1)"],
    ),
    ("json_object", &["json_object('a', {a})", "json_object({x}, 1)", "json_object({objects})"]),
    ("json_quote", &["json_quote({x})", "json_quote({q})", "json_quote({f})"]),
    ("json_remove", &["json_remove({a}, {paths})", "json_remove({o}, '$.x1')", "json_remove({d}, {path})"]),
    ("json_replace", &["json_replace({a}, {pairs})", "json_replace({o}, '$.x299999', {x})"]),
    ("json_set", &["json_set({a}, {pairs})", "json_set({o}, {sets})", "json_set('{}', {path}, 1)"]),
    ("json_type", &["json_type({a}, '$[300000]')", "json_type({d}, {path})"]),
    ("json_valid", &["json_valid({a})", "json_valid({d}, 15)", "json_valid({x})", "json_valid({b}, 15)"]),
    ("jsonb", &["jsonb({a})", "jsonb({o})", "jsonb({d})", "jsonb({q})", "jsonb({b})"]),
    ("jsonb_array", &["jsonb_array({a}, {x})", "jsonb_array({list})"]),
    ("jsonb_array_insert", &["jsonb_array_insert({a}, '$[0]', 1)", "jsonb_array_insert({a}, {pairs})"]),
    ("jsonb_extract", &["jsonb_extract({a}, {paths})", "jsonb_extract({d}, {path})"]),
    ("jsonb_insert", &["jsonb_insert({a}, {pairs})", "jsonb_insert('{}', {path}, 1)"]),
    ("jsonb_object", &["jsonb_object('a', {a})", "jsonb_object({objects})"]),
    ("jsonb_remove", &["jsonb_remove({a}, {paths})", "jsonb_remove({d}, {path})"]),
    ("jsonb_replace", &["jsonb_replace({a}, {pairs})"]),
    ("jsonb_set", &["jsonb_set({a}, {pairs})", "jsonb_set({o}, {sets})"]),
    ("julianday", &["julianday({x})", "julianday('now', {modifiers})"]),
    ("last_insert_rowid", &["last_insert_rowid()"]),
    ("length", &["length({x})", "length({f})"]),
    (
        "like",
        &[
            "{x} LIKE {percents} || 'b'",
            "{x} LIKE '%' || substr({x}, 1, 120) || 'b'",
            "like({y}, {x})",
            "like('%a%b', {x}, 'a')",
        ],
    ),
    ("likelihood", &["likelihood({x}, 0.5)"]),
    ("likely", &["likely({x})"]),
    ("lower", &["lower({x})"]),
    ("ltrim", &["ltrim({x}, {y})", "ltrim({x}, 'a')", "ltrim(replace({x}, 'a', ' '))"]),
    ("match", &["match({x}, {y})", "{x} MATCH {y}"]),
    ("max", &["max({list}, {x})", "max({x}, {x})"]),
    ("min", &["min({list}, {x})", "min({x}, {x})"]),
    ("nullif", &["nullif({x}, {x})"]),
    ("octet_length", &["octet_length({x})"]),
    (
        "printf",
        &[
            "printf({formats}, 1)",
            "printf('%.*c', 3999999, 'a')",
            "printf('%!.3999999f', 1e300)",
            "printf('%,d', {f})",
        ],
    ),
    (
        "quote",
        &[
            "quote({x})",
            "quote(replace(substr({x}, 1, 1900000), 'a', ''''))",
            "quote(substr({b}, 1, 1900000))",
        ],
    ),
    ("random", &["random()"]),
    ("randomblob", &["randomblob(4000000)", "randomblob(1000000000)"]),
    ("replace", &["replace({x}, {y}, 'c')", "replace({x}, 'a', {x})", "replace({x}, 'aa', 'b')"]),
    ("round", &["round({f}, 30)", "round(1e300, 1000000000)"]),
    ("rtreedepth", &["rtreedepth({b})"]),
    ("rtreenode", &["rtreenode(2, {b})", "rtreenode(5, x'0000' || {b})"]),
    ("rtrim", &["rtrim({x}, {y})", "rtrim({x}, 'a')"]),
    ("sign", &["sign({f})"]),
    ("soundex", &["soundex({x})", "soundex(replace({x}, 'a', '1'))"]),
    ("sqlite_compileoption_get", &["sqlite_compileoption_get(1)"]),
    ("sqlite_compileoption_used", &["sqlite_compileoption_used({x})"]),
    ("sqlite_source_id", &["sqlite_source_id()"]),
    ("sqlite_version", &["sqlite_version()"]),
    ("strftime", &["strftime({x})", "strftime({formats})", "strftime('%f', 'now', {modifiers})"]),
    ("substr", &["substr({x}, -1)", "substr({x}, 3999999)", "substr({b}, 1, 4000000)"]),
    ("substring", &["substring({x}, -1)", "substring({x}, 3999999, -3999999)"]),
    ("subtype", &["subtype({a})"]),
    ("time", &["time({x})", "time('now', {modifiers})"]),
    ("timediff", &["timediff('9999-12-31', '0000-01-01')", "timediff({x}, {x})"]),
    ("trim", &["trim({x}, {y})", "trim({x}, 'a')"]),
    ("typeof", &["typeof({x})"]),
    (
        "unhex",
        &[
            "unhex({x})",
            "unhex({x}, {y})",
            "unhex({x} || 'b', substr({x}, 1, 2000000))",
            "unhex({dashes}, {many} || '-')",
        ],
    ),
    ("unicode", &["unicode({x})"]),
    ("unistr", &["unistr({x})", "unistr(replace(substr({x}, 1, 600000), 'a', '\\0061'))"]),
    ("unistr_quote", &["unistr_quote({x})", "unistr_quote(replace(substr({x}, 1, 600000), 'a', char(1)))"]),
    ("unixepoch", &["unixepoch({x})", "unixepoch('now', {modifiers})"]),
    ("unlikely", &["unlikely({x})"]),
    ("upper", &["upper({x})"]),
    ("zeroblob", &["zeroblob(4000000)", "zeroblob(1000000000)"]),
];

/// Aggregates and window functions, whose steps are many: called over and over until the
/// time-out. `{part}` is a fortieth of the longest text.
const OVER_AND_OVER: &[(&str, &[&str])] = &[
    ("avg", &["avg(i)", "avg(i) OVER w"]),
    ("count", &["count(*)", "count(i) OVER w"]),
    ("cume_dist", &["cume_dist() OVER (ORDER BY i)"]),
    ("dense_rank", &["dense_rank() OVER (ORDER BY i)"]),
    ("first_value", &["first_value({part}) OVER w"]),
    ("group_concat", &["group_concat(i)", "group_concat({part}) OVER w", "group_concat(i, {part}) OVER w"]),
    ("json_group_array", &["json_group_array(i)", "json_group_array({part}) OVER w"]),
    ("json_group_object", &["json_group_object(i, i)", "json_group_object({part}, i) OVER w"]),
    ("jsonb_group_array", &["jsonb_group_array(i)", "jsonb_group_array({part}) OVER w"]),
    ("jsonb_group_object", &["jsonb_group_object(i, i)", "jsonb_group_object({part}, i) OVER w"]),
    ("lag", &["lag({part}, 1000) OVER (ORDER BY i)"]),
    ("last_value", &["last_value({part}) OVER w"]),
    ("lead", &["lead({part}, 1000000) OVER (ORDER BY i)"]),
    ("max", &["max({part} || i)", "max({part} || i) OVER w"]),
    ("min", &["min({part} || i)", "min({part} || i) OVER w"]),
    ("nth_value", &["nth_value({part}, 30) OVER w", "nth_value(i, 1000000) OVER (ORDER BY i)"]),
    ("ntile", &["ntile(1000000) OVER (ORDER BY i)"]),
    ("percent_rank", &["percent_rank() OVER (ORDER BY i)"]),
    ("rank", &["rank() OVER (ORDER BY i)"]),
    ("row_number", &["row_number() OVER (ORDER BY i)"]),
    ("string_agg", &["string_agg(i, ',')", "string_agg({part}, ',') OVER w"]),
    ("sum", &["sum(i)", "sum(i) OVER w", "sum({part}) OVER w"]),
    ("total", &["total(i)", "total(i) OVER w"]),
];

/// Operators are steps, too.
const OPERATORS: &[&str] = &[
    "{x} || {x}",
    "{x} = {y}",
    "{x} < {y} COLLATE nocase",
    "{x} = {y} COLLATE rtrim",
    "{x} + {f}",
    "{x} % 3",
    "CAST({f} AS INTEGER)",
    "CAST({f} AS REAL)",
    "CAST({x} AS NUMERIC)",
    "CAST({b} AS TEXT)",
    "{x} IN ({list})",
    "{x} BETWEEN {y} AND {x}",
    "CASE {x} WHEN {y} THEN 1 ELSE 2 END",
    "{x} IS NOT {y}",
    "(SELECT count(*) FROM json_each({a}))",
    "(SELECT count(*) FROM json_tree({d}))",
    "(SELECT count(*) FROM json_tree({o}))",
];

/// The values that are large.
const LARGE: [&str; 14] =
    ["x", "y", "part", "dashes", "many", "a", "o", "d", "path", "f", "q", "formats", "widths", "percents"];

/// What they are.
fn value(name: &str) -> String {
    const LONGEST: usize = 4_000_000;
    let list =
        |one: &dyn Fn(usize) -> String, count: usize| (0..count).map(one).collect::<Vec<_>>().join(",");
    match name {
        "x" => "a".repeat(LONGEST),
        "y" => "a".repeat(LONGEST / 2) + "b",
        "part" => "a".repeat(LONGEST / 40),
        "dashes" => "-".repeat(LONGEST),
        "many" => ('\u{1000}'..='\u{9FFF}').cycle().take(LONGEST / 3 - 9).collect(),
        "a" => format!("[{}]", list(&|index| index.to_string(), 500_000)),
        "o" => format!("{{{}}}", list(&|index| format!("\"x{index}\":1"), 300_000)),
        "d" => "[".repeat(1000) + &"]".repeat(1000),
        "path" => "$".to_owned() + &"[0]".repeat(1_000_000),
        "f" => "1".repeat(LONGEST),
        "q" => format!("\"{}\"", "\\u0041".repeat(600_000)),
        "formats" => "%d".repeat(LONGEST / 2),
        "widths" => "%.3999999d".repeat(LONGEST / 10),
        _ => "%a".repeat(63),
    }
}

/// A call with its values in their places.
fn filled(call: &str) -> String {
    let list =
        |one: &dyn Fn(usize) -> String, count: usize| (0..count).map(one).collect::<Vec<_>>().join(", ");
    let mut call = call
        .replace("{b}", "CAST({x} AS BLOB)")
        .replace("{list}", &list(&|index| format!("{}", 1000 + index), 99))
        .replace("{paths}", &list(&|index| format!("'$[{}]'", 499_000 + index), 98))
        .replace("{pairs}", &list(&|index| format!("'$[{index}]', 'x'"), 49))
        .replace("{sets}", &list(&|index| format!("'$.new{index}', 'x'"), 49))
        .replace("{objects}", &list(&|index| format!("'{index}', {{part}}"), 39))
        .replace("{modifiers}", &list(&|_| "'+1000 months', 'weekday 3'".to_owned(), 48));
    for name in LARGE {
        call =
            call.replace(&format!("{{{name}}}"), &format!("(SELECT value FROM large WHERE name = '{name}')"));
    }
    call
}

/// The CPU time that this thread has had.
fn cpu_time() -> Duration {
    let of_thread = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(of_thread.split(' ').next().unwrap().parse().unwrap())
}

fn prepared() -> Subject {
    let limits = Limits { statement_timeout: Duration::from_millis(50), ..Limits::default() };
    let subject = subject(limits);
    subject.connection.as_ours(|sqlite| {
        sqlite.execute_batch("CREATE TABLE large (name TEXT PRIMARY KEY, value)").unwrap();
        for name in LARGE {
            sqlite.execute("INSERT INTO large VALUES (?1, ?2)", (name, value(name))).unwrap();
        }
    });
    subject
}

/// A thread of its own, so that a test fails where it would wait for hours.
struct Thread {
    ask: mpsc::Sender<String>,
    answer: mpsc::Receiver<(Duration, Result<(), Error>)>,
}

impl Thread {
    fn start() -> Self {
        let (ask, asked) = mpsc::channel::<String>();
        let (tell, answer) = mpsc::channel();
        thread::spawn(move || {
            let subject = prepared();
            while let Ok(sql) = asked.recv() {
                let before = cpu_time();
                let outcome = subject.query(&sql).map(drop);
                tell.send((cpu_time() - before, outcome)).unwrap();
            }
        });
        Self { ask, answer }
    }

    /// Runs it, which ends one way or another.
    fn ends(&self, sql: String) {
        self.ask.send(sql.clone()).unwrap();
        let answer = self.answer.recv_timeout(PATIENCE);
        let (took, outcome) = answer.unwrap_or_else(|_| panic!("it does not end: {sql:.300}"));
        match outcome {
            Ok(()) | Err(Error::TimedOut(_) | Error::TooLarge(_) | Error::Invalid(_)) => {}
            Err(other) => panic!("{sql:.300}: {other}"),
        }
        assert!(took < MOST, "{took:?}: {sql:.300}");
    }
}

#[test]
fn all_of_them_are_listed() {
    let subject = subject(Limits::default());
    let refused = super::rules::REFUSED;
    let listed: BTreeSet<_> =
        ONCE.iter().chain(OVER_AND_OVER).map(|(name, _)| *name).chain(refused).collect();
    let there = subject.connection.as_ours(|sqlite| {
        let mut list = sqlite.prepare("SELECT DISTINCT name FROM pragma_function_list").unwrap();
        let names = list.query_map([], |row| row.get::<_, String>(0)).unwrap();
        names.map(|name| name.unwrap()).collect::<BTreeSet<_>>()
    });
    let there: BTreeSet<_> = there.iter().map(String::as_str).collect();
    let unlisted: Vec<_> = there.difference(&listed).collect();
    assert_eq!(unlisted, [&""; 0], "in none of the lists");
    let gone: Vec<_> = listed.difference(&there).collect();
    assert_eq!(gone, [&""; 0], "not in SQLite any more");
    for name in refused {
        for arguments in ["", "1", "1, 1", "1, 1, 1"] {
            let outcome = subject.query(&format!("SELECT {name}({arguments})"));
            assert!(outcome.is_err(), "{name}({arguments}): {outcome:?}");
        }
    }
}

#[test]
fn a_call_takes_a_bounded_step() {
    let thread = Thread::start();
    for (_, calls) in ONCE {
        for call in *calls {
            thread.ends(format!("SELECT typeof({})", filled(call)));
        }
    }
    for call in OPERATORS {
        thread.ends(format!("SELECT typeof({})", filled(call)));
    }
}

#[test]
fn calls_over_and_over_end_with_their_time() {
    let thread = Thread::start();
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000000)";
    for (_, calls) in OVER_AND_OVER {
        for call in *calls {
            let call = filled(call);
            let window = "WINDOW w AS (ORDER BY i ROWS BETWEEN 35 PRECEDING AND CURRENT ROW)";
            thread.ends(format!(
                "{numbers} SELECT count(*) FROM (SELECT {call} AS c FROM n {window}) WHERE typeof(c) = 'x'"
            ));
        }
    }
}
