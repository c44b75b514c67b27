//! `[tenants.NAME]`: handlers that have limits together.

use std::fmt::{self, Display};

use super::key::{Key, Table, Unset};
use super::reader::Section;
use crate::name::check_name;

/// `[tenants.NAME]`.
pub(super) static TENANT: Table<TenantConfig> = Table {
    header: "[tenants.NAME]",
    noun: "a tenant",
    intro: "Handlers that have limits together, such as all of a customer's, beside the limits that each has alone. \
            A handler belongs to one tenant at most, so the patterns of two may not match the same name.",
    example: r#"
[server]
handlers = "handlers"

[tenants.acme]
handlers = ["acme-*", "shop"]
calls = 64
outbound_calls = 32
total_memory_bytes = "1GiB"
cpu_share = 3
"#,
    keys: &[
        Key::list(
            "handlers",
            "the name of a handler, in which `*` stands for any characters",
            (
                |tenant| tenant.handlers.clear(),
                |tenant, text| {
                    NamePattern::parse(text).map(|pattern| tenant.handlers.push(pattern))
                },
            ),
            Unset::Required,
            "Whose handlers they are, also of those that are dropped in later.",
        ),
        Key::<TenantConfig>::count(
            "calls",
            1,
            |tenant| tenant.calls.get_or_insert(0),
            "Calls at once of all of them together; further ones wait as at the limit of their handler.",
        )
        .by_default("as many as each may have"),
        Key::<TenantConfig>::count(
            "outbound_calls",
            1,
            |tenant| tenant.outbound_calls.get_or_insert(0),
            "Outbound requests at once of all of them together; further ones wait as at the limit of their handler.",
        )
        .by_default("as many as each may have"),
        Key::<TenantConfig>::bytes(
            "total_memory_bytes",
            64 << 10,
            |tenant| tenant.total_memory_bytes.get_or_insert(0),
            "What the instances of all of them may have together, with what the host holds for them: 500, or 503 \
             where none can start.",
        )
        .by_default("no limit"),
        Key::<TenantConfig>::count(
            "cpu_share",
            1,
            |tenant| &mut tenant.cpu_share,
            "Its weight where calls compute for longer than a few milliseconds: of what a core has for those, a \
             tenant with 3 gets three times what one with 1 gets, however many calls of each there are. A handler \
             without a tenant counts as one with 1.",
        )
        .at_most(1000),
    ],
};

/// Handlers that have limits together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TenantConfig {
    /// Its name.
    pub name: String,
    /// Whose handlers they are.
    pub handlers: Vec<NamePattern>,
    /// Calls at once, on all cores together; none where there is no limit.
    pub calls: Option<u32>,
    /// Outbound requests at once; none where there is no limit.
    pub outbound_calls: Option<u32>,
    /// Memory of all their instances together, in bytes; none where there is no limit.
    pub total_memory_bytes: Option<u64>,
    /// Its weight among those who compute.
    pub cpu_share: u32,
}

impl Default for TenantConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            handlers: Vec::new(),
            calls: None,
            outbound_calls: None,
            total_memory_bytes: None,
            cpu_share: 1,
        }
    }
}

impl TenantConfig {
    /// Whether the handler `name` is one of its.
    pub fn has(&self, name: &str) -> bool {
        self.handlers.iter().any(|pattern| pattern.matches(name))
    }
}

/// Names of handlers: literal, but that `*` stands for any characters, or none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamePattern(String);

impl Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl NamePattern {
    fn parse(text: &str) -> Result<Self, String> {
        check_name("a handler", &text.replace('*', "x")).map_err(|_| {
            format!(
                "`{}`: the name of a handler has letters, digits, `-`, `_` and `.` only, and a pattern of names `*` as \
                 well",
                text.escape_debug()
            )
        })?;
        Ok(Self(text.to_owned()))
    }

    /// Whether `name` is one of them.
    pub fn matches(&self, name: &str) -> bool {
        both_match(self.0.as_bytes(), name.as_bytes())
    }

    /// Whether there is a name that is one of both.
    pub fn overlaps(&self, other: &Self) -> bool {
        both_match(self.0.as_bytes(), other.0.as_bytes())
    }
}

/// Whether some text matches both, a `*` in either being any characters.
fn both_match(a: &[u8], b: &[u8]) -> bool {
    // Whether what is before `i` of `a` and `j` of `b` can be the same, a row for each `i`.
    let mut row = vec![false; b.len() + 1];
    for i in 0..=a.len() {
        let before = std::mem::replace(&mut row, vec![false; b.len() + 1]);
        for j in 0..=b.len() {
            let (of_a, of_b) = (i.checked_sub(1).map(|i| a[i]), j.checked_sub(1).map(|j| b[j]));
            row[j] = match (of_a, of_b) {
                (None, None) => true,
                (Some(b'*'), _) if before[j] => true,
                (_, Some(b'*')) if row[j - 1] => true,
                // What the other has lies within the `*`.
                (Some(b'*'), Some(_)) => row[j - 1],
                (Some(_), Some(b'*')) => before[j],
                (Some(of_a), Some(of_b)) => of_a == of_b && before[j - 1],
                _ => false,
            };
        }
    }
    row[b.len()]
}

/// The tenants, no two of which have the same handlers.
pub(super) fn tenants(root: &Section<'_, '_>) -> Vec<TenantConfig> {
    let mut tenants = Vec::<TenantConfig>::new();
    for (name, section) in root.section("tenants").entries() {
        check_name("a tenant", &name).unwrap_or_else(|problem| section.problem(problem));
        let mut tenant = TenantConfig { name, ..TenantConfig::default() };
        TENANT.read(&section, &mut tenant);
        for before in &tenants {
            let pairs = || before.handlers.iter().flat_map(|a| tenant.handlers.iter().map(move |b| (a, b)));
            if let Some((theirs, ours)) = pairs().find(|(theirs, ours)| theirs.overlaps(ours)) {
                section.problem_at(
                    "handlers",
                    format!(
                        "a handler could match `{ours}` and `{theirs}` of [tenants.{}]; make the patterns such that none \
                         matches both",
                        before.name
                    ),
                );
            }
        }
        tenants.push(tenant);
    }
    tenants
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> NamePattern {
        NamePattern::parse(text).unwrap()
    }

    #[test]
    fn names_match() {
        for (text, name, expected) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a", "ab", false),
            ("*", "anything.at-all", true),
            ("acme-*", "acme-shop", true),
            ("acme-*", "acme-", true),
            ("acme-*", "acme", false),
            ("*-shop", "acme-shop", true),
            ("*-shop", "acme-shop2", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a**c", "abc", true),
        ] {
            assert_eq!(pattern(text).matches(name), expected, "{text} {name}");
        }
    }

    #[test]
    fn patterns_overlap_where_one_name_is_of_both() {
        for (a, b, expected) in [
            ("acme-*", "*-shop", true),
            ("acme-*", "other-*", false),
            ("a*", "*b", true),
            ("a*c", "ab*d", false),
            ("a*c", "ab*c", true),
            ("*", "x", true),
            ("x", "x", true),
            ("*a*", "*b*", true),
            ("a", "b", false),
            ("ab*", "a", false),
        ] {
            assert_eq!(pattern(a).overlaps(&pattern(b)), expected, "{a} {b}");
            assert_eq!(pattern(b).overlaps(&pattern(a)), expected, "{b} {a}");
        }
    }

    #[test]
    fn a_pattern_is_a_name_but_for_its_stars() {
        for text in ["", "a b", ".hidden", "a/*", "ü*", "*\u{1b}"] {
            assert!(NamePattern::parse(text).is_err(), "{text:?}");
        }
        for text in ["*", "**", "a", "a.*", "*.b", "-*_"] {
            assert!(NamePattern::parse(text).is_ok(), "{text:?}");
        }
    }
}
