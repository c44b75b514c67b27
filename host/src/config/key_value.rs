//! `[key_value.NAME]`: where the bucket NAME is kept, its limits, and their defaults; and
//! which buckets a handler is granted.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use patchboard_key_value::{BackendConfig, BucketConfig, Limits, RedisConfig};

use super::reader::Section;
use super::value::{Sources, value};

/// Buckets that are configured, by name.
pub(super) type Buckets = BTreeMap<String, BucketConfig>;

const MEMORY_BYTES: u64 = 64 << 20;
const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The tables of `[key_value]`.
pub(super) fn buckets(section: &Section<'_, '_>, sources: Sources<'_>) -> Buckets {
    let buckets = section.entries().into_iter().filter_map(|(name, table)| match name.parse::<Name>() {
        Ok(_) => Some((name.clone(), bucket(name, table, sources)?)),
        Err(problem) => {
            section.problem(problem);
            None
        }
    });
    buckets.collect()
}

/// The buckets that `key_value` of a handler names; those without a table have defaults.
pub(super) fn granted(section: &Section<'_, '_>, buckets: &Buckets) -> Vec<BucketConfig> {
    let mut granted = Vec::<BucketConfig>::new();
    let names = section.list::<Name>("key_value", "the name of a bucket, such as \"default\"");
    for Name(name) in names.unwrap_or_default() {
        if granted.iter().any(|bucket| bucket.name == name) {
            section.problem(format!("key_value: `{name}` is there twice"));
            continue;
        }
        granted.push(buckets.get(&name).cloned().unwrap_or_else(|| default(name)));
    }
    granted
}

struct Name(String);

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if text.is_empty() || !text.bytes().all(valid) {
            return Err(format!("`{text}`: the name of a bucket has letters, digits, `-`, `_` and `.` only"));
        }
        Ok(Self(text.to_owned()))
    }
}

fn default(name: String) -> BucketConfig {
    BucketConfig {
        name,
        backend: BackendConfig::File,
        shared: false,
        limits: Limits::default(),
        timeout: TIMEOUT,
    }
}

/// None where it cannot be said what it would be.
fn bucket(name: String, section: Section<'_, '_>, sources: Sources<'_>) -> Option<BucketConfig> {
    let default = default(name);
    let timeout = section.duration("timeout").unwrap_or(default.timeout);
    if timeout.is_zero() {
        section.problem("timeout must be longer than nothing");
    }
    let limits = Limits {
        key_bytes: section.bytes("key_bytes").unwrap_or(default.limits.key_bytes),
        value_bytes: section.bytes("value_bytes").unwrap_or(default.limits.value_bytes),
        batch_keys: section.count("batch_keys").unwrap_or(default.limits.batch_keys),
        batch_bytes: section.bytes("batch_bytes").unwrap_or(default.limits.batch_bytes),
        page_keys: section.count("page_keys").unwrap_or(default.limits.page_keys),
    };
    if limits.batch_bytes < limits.value_bytes {
        section.problem("batch_bytes must be at least value_bytes, which a batch of one may have");
    }
    let shared = section.boolean("shared").unwrap_or(default.shared);
    let backend = backend(&section, sources, timeout);
    section.finish();
    Some(BucketConfig { backend: backend?, shared, limits, timeout, ..default })
}

fn backend(section: &Section<'_, '_>, sources: Sources<'_>, timeout: Duration) -> Option<BackendConfig> {
    let expected = "\"memory\", \"file\" or \"redis\"";
    let kind = section.parse("backend", expected, |text| match text {
        "memory" | "file" | "redis" => Ok(text.to_owned()),
        other => Err(format!("expected {expected}, found \"{other}\"")),
    });
    let memory_bytes = section.bytes("memory_bytes");
    let connect_timeout = section.duration("connect_timeout");
    let url = value(section, "url", sources);
    let kind = match kind {
        None if section.has("backend") => return None,
        kind => kind.unwrap_or_else(|| "file".to_owned()),
    };
    for (key, of) in [("memory_bytes", "memory"), ("url", "redis"), ("connect_timeout", "redis")] {
        if section.has(key) && kind != of {
            section.problem(format!("{key} is for backend = \"{of}\"; add that, or remove {key}"));
        }
    }
    match kind.as_str() {
        "memory" => Some(BackendConfig::Memory(memory_bytes.unwrap_or(MEMORY_BYTES))),
        "file" => Some(BackendConfig::File),
        _ => {
            if !section.has("url") {
                section.problem("backend = \"redis\" needs `url`, such as \"redis://127.0.0.1:6379/0\"");
            }
            let url = url?.reveal().parse().map_err(|problem| section.problem(format!("url {problem}")));
            let connect_timeout = connect_timeout.unwrap_or(CONNECT_TIMEOUT);
            // Before the operation is over, so that what is late is named, and left.
            let timeout = timeout - timeout / 8;
            Some(BackendConfig::Redis(Box::new(RedisConfig { url: url.ok()?, connect_timeout, timeout })))
        }
    }
}
