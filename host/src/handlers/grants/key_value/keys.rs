//! `[key_value.NAME]`: where the bucket NAME is kept, its limits, and their defaults; and
//! which buckets a handler is granted.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use patchboard_key_value::{BackendConfig, BucketConfig, Limits, RedisConfig};

use crate::config::key::{Key, Table, Unset};
use crate::config::reader::Section;
use crate::config::unit::quoted;
use crate::config::value::{Sources, value};
use crate::handlers::grants::grants_config::{Configured, Context, Visit};
use crate::name::check_name;

/// The buckets of a handler, and how many operations it may have under way at once, on all
/// cores together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) buckets: Vec<BucketConfig>,
    pub(super) calls: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { buckets: Vec::new(), calls: 256 }
    }
}

impl Configured for Config {
    const KEYS: &'static [Key<Self>] = &[Key::other(
        "key_value",
        "the name of a bucket such as \"default\", or a list of them",
        Unset::Said("none"),
        "The buckets that it may use; none needs a table `[key_value.NAME]`.",
    )];
    const LIMITS: &'static [Key<Self>] = &[Key::count(
        "key_value_calls",
        1,
        |c| &mut c.calls,
        "Key-value operations at once; further ones wait.",
    )];
    const TABLES: Option<&'static str> = Some("key_value");
    type Tables = Buckets;

    fn tables(section: &Section<'_, '_>, context: &Context<'_>) -> Buckets {
        buckets(section, context.sources)
    }

    fn read(&mut self, section: &Section<'_, '_>, _: &Context<'_>, tables: &Buckets) {
        self.buckets = granted(section, tables);
    }

    fn fake(&mut self, _: &Path) {
        for bucket in &mut self.buckets {
            if !matches!(bucket.backend, BackendConfig::Memory(_)) {
                bucket.backend = BackendConfig::Memory(Written::default().memory_bytes);
            }
        }
    }

    fn unused<'a>(tables: &'a Self::Tables, granted: &[&Self]) -> Vec<&'a str> {
        let is_used =
            |name: &str| granted.iter().any(|of| of.buckets.iter().any(|bucket| bucket.name == name));
        tables.keys().map(String::as_str).filter(|name| !is_used(name)).collect()
    }

    fn visit_tables(visit: &mut impl Visit) {
        visit.table(&BUCKET);
    }
}

/// Buckets that are configured, by name.
pub(crate) type Buckets = BTreeMap<String, BucketConfig>;

/// The back end where none is named.
const FILE: &str = "file";

/// What is written of a bucket.
#[derive(Debug, PartialEq)]
pub(crate) struct Written {
    backend: Option<&'static str>,
    memory_bytes: u64,
    connect_timeout: Duration,
    shared: bool,
    limits: Limits,
    timeout: Duration,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            backend: Some(FILE),
            memory_bytes: 64 << 20,
            connect_timeout: Duration::from_secs(2),
            shared: false,
            limits: Limits::default(),
            timeout: Duration::from_secs(5),
        }
    }
}

/// `[key_value.NAME]`.
pub(crate) static BUCKET: Table<Written> = Table {
    header: "[key_value.NAME]",
    noun: "",
    intro: "The bucket `NAME`, for the handlers that are granted it by `key_value`. Without a table it has the \
            defaults.",
    example: r#"
[key_value.default]
value_bytes = "64KiB"

[key_value.sessions]
backend = "redis"
url = { secret = "sessions-url" }
shared = true
timeout = "500ms"
"#,
    keys: &[
        Key::word(
            "backend",
            &["memory", "file", "redis"],
            |w, word| {
                w.backend = Some(match word {
                    "memory" => "memory",
                    "redis" => "redis",
                    _ => FILE,
                });
            },
            Unset::Shown(|w| quoted(w.backend.unwrap_or_default())),
            "What keeps its values: the memory of this process, a file in the folder `data`, or a Redis that several \
             servers share.",
        ),
        Key::boolean(
            "shared",
            |w| &mut w.shared,
            "Whether it is one bucket for all handlers that are granted it, or one for each.",
        ),
        Key::timeout("timeout", |w| &mut w.timeout, "How long an operation may take, with its wait."),
        Key::bytes("key_bytes", 1, |w| &mut w.limits.key_bytes, "The longest key."),
        Key::bytes("value_bytes", 1, |w| &mut w.limits.value_bytes, "The largest value."),
        Key::count("batch_keys", 1, |w| &mut w.limits.batch_keys, "Keys of one operation."),
        Key::bytes(
            "batch_bytes",
            1,
            |w| &mut w.limits.batch_bytes,
            "The values of one operation together; at least `value_bytes`.",
        ),
        Key::count("page_keys", 1, |w| &mut w.limits.page_keys, "Keys of a page of the list of keys."),
        Key::bytes(
            "bucket_bytes",
            1,
            |w| &mut w.limits.bucket_bytes,
            "What a bucket in the file holds, of keys and values; for `backend = \"file\"` only.",
        ),
        Key::bytes(
            "memory_bytes",
            1,
            |w| &mut w.memory_bytes,
            "What a bucket in memory holds; for `backend = \"memory\"` only.",
        ),
        Key::other(
            "url",
            "a URL such as \"redis://127.0.0.1:6379/0\", or a secret",
            Unset::Said("none"),
            "Where the Redis is, `rediss://` being over TLS; for `backend = \"redis\"`, which needs it.",
        ),
        Key::timeout(
            "connect_timeout",
            |w| &mut w.connect_timeout,
            "How long a connection to Redis may take to be made; for `backend = \"redis\"` only.",
        ),
    ],
};

/// The tables of `[key_value]`.
fn buckets(section: &Section<'_, '_>, sources: Sources<'_>) -> Buckets {
    let mut buckets = Buckets::new();
    for (name, table) in section.entries() {
        check_name("a bucket", &name).unwrap_or_else(|problem| table.problem(problem));
        buckets.extend(bucket(&name, &table, sources).map(|bucket| (name, bucket)));
    }
    buckets
}

/// The buckets that `key_value` of a handler names; those without a table have defaults.
fn granted(section: &Section<'_, '_>, buckets: &Buckets) -> Vec<BucketConfig> {
    let mut granted = Vec::<BucketConfig>::new();
    let names = section.list("key_value", "the name of a bucket, such as \"default\"", |name| {
        check_name("a bucket", name).map(|()| name.to_owned())
    });
    for name in names.unwrap_or_default() {
        if granted.iter().any(|bucket| bucket.name == name) {
            section.problem(format!("key_value: `{name}` is there twice"));
            continue;
        }
        granted.push(buckets.get(&name).cloned().unwrap_or_else(|| {
            let Written { shared, limits, timeout, .. } = Written::default();
            BucketConfig { name, backend: BackendConfig::File, shared, limits, timeout }
        }));
    }
    granted
}

/// None where it cannot be said what it would be.
fn bucket(name: &str, section: &Section<'_, '_>, sources: Sources<'_>) -> Option<BucketConfig> {
    let mut written = Written::default();
    if section.has("backend") {
        // Then it is what is written, or not known.
        written.backend = None;
    }
    BUCKET.read(section, &mut written);
    if written.limits.batch_bytes < written.limits.value_bytes {
        section.problem("batch_bytes must be at least value_bytes, which a batch of one may have");
    }
    let backend = backend(section, sources, &written);
    let Written { shared, limits, timeout, .. } = written;
    Some(BucketConfig { name: name.to_owned(), backend: backend?, shared, limits, timeout })
}

fn backend(section: &Section<'_, '_>, sources: Sources<'_>, written: &Written) -> Option<BackendConfig> {
    let url = value(section, "url", sources);
    let kind = written.backend?;
    for (key, of) in
        [("bucket_bytes", FILE), ("memory_bytes", "memory"), ("url", "redis"), ("connect_timeout", "redis")]
    {
        if section.has(key) && kind != of {
            section.problem(format!("{key} is for backend = \"{of}\"; add that, or remove {key}"));
        }
    }
    match kind {
        "memory" => Some(BackendConfig::Memory(written.memory_bytes)),
        FILE => Some(BackendConfig::File),
        // A test has none.
        _ if sources.fakes.is_some() => Some(BackendConfig::Memory(written.memory_bytes)),
        _ => {
            if !section.has("url") {
                section.problem("backend = \"redis\" needs `url`, such as \"redis://127.0.0.1:6379/0\"");
            }
            let url = url?.reveal().parse().map_err(|problem| section.problem(format!("url {problem}")));
            // Before the operation is over, so that what is late is named, and left.
            let timeout = written.timeout - written.timeout / 8;
            let connect_timeout = written.connect_timeout;
            Some(BackendConfig::Redis(Box::new(RedisConfig { url: url.ok()?, connect_timeout, timeout })))
        }
    }
}
