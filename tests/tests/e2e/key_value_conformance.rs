//! Every back end of key-value buckets does the same, and keeps what it has acknowledged.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use patchboard_key_value::{
    BackendConfig, Bucket, BucketConfig, Error, Limits, RedisConfig, RedisUrl, Stores, Swap, Unusable,
};
use patchboard_tests::{PATIENCE, Redis};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A back end, from which each case takes buckets of its own.
struct Backend {
    stores: Stores,
    config: BackendConfig,
    _dir: TempDir,
}

impl Backend {
    fn new(config: BackendConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { stores: Stores::new(dir.path()), config, _dir: dir }
    }

    fn of_redis(redis: &Redis) -> Self {
        let url: RedisUrl = redis.url().parse().unwrap();
        let (connect_timeout, timeout) = (Duration::from_secs(2), PATIENCE);
        Self::new(BackendConfig::Redis(Box::new(RedisConfig { url, connect_timeout, timeout })))
    }

    fn bucket(&self, owner: &str) -> Arc<Bucket> {
        self.bucket_with(owner, |_| {})
    }

    fn bucket_with(&self, owner: &str, change: impl FnOnce(&mut BucketConfig)) -> Arc<Bucket> {
        let mut config = BucketConfig {
            name: "default".to_owned(),
            backend: self.config.clone(),
            shared: false,
            limits: Limits::default(),
            timeout: PATIENCE,
        };
        change(&mut config);
        Arc::new(self.stores.bucket(owner, &config, &Arc::new(Semaphore::new(256))))
    }
}

fn key(text: &str) -> String {
    text.to_owned()
}

#[track_caller]
fn fails<T: std::fmt::Debug>(outcome: Result<T, Error>, expected: &str) {
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains(expected), "{expected}: {error}");
}

/// What every back end does.
async fn conform(backend: &Backend) {
    single_values(backend).await;
    many_values(backend).await;
    pages(backend).await;
    numbers(backend).await;
    swaps(backend).await;
    limits(backend).await;
    others(backend).await;
    swap_races(backend).await;
    increment_races(backend).await;
}

async fn single_values(backend: &Backend) {
    let bucket = backend.bucket("single");
    assert_eq!(bucket.get(key("a")).await.unwrap(), None);
    assert!(!bucket.exists(key("a")).await.unwrap());
    for value in [&b"one"[..], b"", b"\0\xff\r\n"] {
        bucket.set(key("a"), value.into()).await.unwrap();
        assert_eq!(bucket.get(key("a")).await.unwrap().as_deref(), Some(value));
        assert!(bucket.exists(key("a")).await.unwrap());
    }
    for name in ["", "ä/ö {x}", "a\0b", "line\nbreak"] {
        bucket.set(key(name), name.to_owned().into()).await.unwrap();
        assert_eq!(bucket.get(key(name)).await.unwrap().as_deref(), Some(name.as_bytes()));
    }
    bucket.delete(key("a")).await.unwrap();
    bucket.delete(key("a")).await.unwrap();
    assert_eq!(bucket.get(key("a")).await.unwrap(), None);
}

async fn many_values(backend: &Backend) {
    let bucket = backend.bucket("many");
    let all = (0..100).map(|n| (format!("k{n}"), Some(format!("v{n}").into()))).collect();
    bucket.change(all).await.unwrap();
    let found = bucket.get_many(vec![key("k7"), key("none"), key("k99")]).await.unwrap();
    assert_eq!(found, [Some("v7".into()), None, Some("v99".into())]);
    assert_eq!(bucket.get_many(Vec::new()).await.unwrap(), Vec::<Option<_>>::new());
    bucket.change(Vec::new()).await.unwrap();
    // In their order, also where they are of one key.
    let twice = vec![(key("k7"), None), (key("k8"), Some("x".into())), (key("k8"), Some("y".into()))];
    bucket.change(twice).await.unwrap();
    assert_eq!(bucket.get_many(vec![key("k7"), key("k8")]).await.unwrap(), [None, Some("y".into())]);
}

async fn pages(backend: &Backend) {
    let bucket = backend.bucket_with("pages", |config| config.limits.page_keys = 10);
    let empty = bucket.keys(None).await.unwrap();
    assert_eq!((empty.keys, empty.more), (Vec::new(), false));
    let mut expected: Vec<String> = (0..95).map(|n| format!("key {n}")).collect();
    expected.extend([key("ä"), key("("), key("["), key("-"), key("+")]);
    let all = expected.iter().map(|name| (name.clone(), Some("v".into()))).collect();
    bucket.change(all).await.unwrap();
    expected.sort();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = bucket.keys(after).await.unwrap();
        assert!(page.keys.len() <= 10);
        after = page.keys.last().cloned();
        found.extend(page.keys);
        if !page.more {
            break;
        }
    }
    assert_eq!(found, expected);
    // A key that has gone is still a place to go on from.
    bucket.delete(key("key 50")).await.unwrap();
    assert_eq!(bucket.keys(Some(key("key 50"))).await.unwrap().keys[0], "key 51");
}

async fn numbers(backend: &Backend) {
    let bucket = backend.bucket("numbers");
    assert_eq!(bucket.increment(key("n"), 5).await, Ok(5));
    assert_eq!(bucket.increment(key("n"), -12).await, Ok(-7));
    assert_eq!(bucket.get(key("n")).await.unwrap().as_deref(), Some(&b"-7"[..]));
    assert_eq!(bucket.keys(None).await.unwrap().keys, ["n"]);
    bucket.set(key("n"), i64::MAX.to_string().into()).await.unwrap();
    fails(bucket.increment(key("n"), 1).await, "`n` would leave the range");
    for value in ["seven", "", "007", "1.5", "9223372036854775808"] {
        bucket.set(key("n"), value.into()).await.unwrap();
        fails(bucket.increment(key("n"), 1).await, "`n` is not a whole number");
        assert_eq!(bucket.get(key("n")).await.unwrap().as_deref(), Some(value.as_bytes()));
    }
}

async fn swaps(backend: &Backend) {
    let bucket = backend.bucket("swaps");
    let swap = async |expected: Option<&'static str>, value: &'static str| {
        bucket.swap(key("a"), expected.map(Into::into), value.into()).await.unwrap()
    };
    assert_eq!(swap(Some("x"), "1").await, Swap::Found(None));
    assert_eq!(swap(None, "").await, Swap::Done);
    assert_eq!(swap(None, "2").await, Swap::Found(Some("".into())));
    assert_eq!(swap(Some("x"), "2").await, Swap::Found(Some("".into())));
    assert_eq!(swap(Some(""), "2").await, Swap::Done);
    assert_eq!(swap(Some("2"), "3").await, Swap::Done);
    assert_eq!(bucket.get(key("a")).await.unwrap().as_deref(), Some(&b"3"[..]));
    assert_eq!(bucket.keys(None).await.unwrap().keys, ["a"]);
}

async fn limits(backend: &Backend) {
    let bucket = backend.bucket_with("limits", |config| {
        config.limits = Limits {
            key_bytes: 8,
            value_bytes: 16,
            batch_keys: 4,
            batch_bytes: 40,
            page_keys: 2,
            ..Limits::default()
        };
    });
    let (long, large) = (key("123456789"), vec![b'x'; 17]);
    fails(bucket.get(long.clone()).await, "key_bytes");
    fails(bucket.exists(long.clone()).await, "key_bytes");
    fails(bucket.keys(Some(long.clone())).await, "key_bytes");
    fails(bucket.set(long.clone(), "x".into()).await, "key_bytes");
    fails(bucket.delete(long.clone()).await, "key_bytes");
    fails(bucket.increment(long.clone(), 1).await, "key_bytes");
    fails(bucket.swap(long, None, "x".into()).await, "key_bytes");
    fails(bucket.set(key("a"), large.clone().into()).await, "value_bytes");
    fails(bucket.swap(key("a"), None, large.into()).await, "value_bytes");
    fails(bucket.get_many(vec![key("a"); 5]).await, "batch_keys");
    fails(bucket.change(vec![(key("a"), None); 5]).await, "batch_keys");
    let value = Some(vec![b'x'; 16].into());
    let names = ["a", "b", "c"].map(key);
    fails(bucket.change(names.clone().map(|name| (name, value.clone())).to_vec()).await, "batch_bytes");
    assert_eq!(bucket.keys(None).await.unwrap().keys, Vec::<String>::new(), "nothing was changed");
    for name in &names {
        bucket.set(name.clone(), value.clone().unwrap()).await.unwrap();
    }
    assert_eq!(bucket.get_many(names[..2].to_vec()).await.unwrap(), [value.clone(), value]);
    fails(bucket.get_many(names.to_vec()).await, "batch_bytes");
}

/// Buckets of other owners, and of other names, are others; one that is shared is one.
async fn others(backend: &Backend) {
    let named = |name: &'static str, shared| {
        move |config: &mut BucketConfig| {
            config.name = name.to_owned();
            config.shared = shared;
        }
    };
    backend.bucket("one").set(key("a"), "1".into()).await.unwrap();
    for bucket in [
        backend.bucket("two"),
        backend.bucket_with("one", named("other", false)),
        backend.bucket_with("one", named("default", true)),
    ] {
        assert_eq!(bucket.get(key("a")).await.unwrap(), None);
        assert_eq!(bucket.keys(None).await.unwrap().keys, Vec::<String>::new());
    }
    backend.bucket_with("one", named("common", true)).set(key("a"), "2".into()).await.unwrap();
    let same = backend.bucket_with("two", named("common", true)).get(key("a")).await.unwrap();
    assert_eq!(same.as_deref(), Some(&b"2"[..]));
}

/// Of many who swap the same value, exactly one has done it.
async fn swap_races(backend: &Backend) {
    let bucket = backend.bucket("swap-races");
    for round in 0..20_u32 {
        let mut tasks = JoinSet::new();
        for task in 0..16 {
            let bucket = bucket.clone();
            let expected = round.checked_sub(1).map(|before| before.to_string().into());
            tasks.spawn(async move {
                // The first byte is the round for all; who has won is in another key.
                let swapped = bucket.swap(key("a"), expected, round.to_string().into()).await.unwrap();
                (swapped == Swap::Done).then_some(task)
            });
        }
        let won: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(won.len(), 1, "round {round}: {won:?}");
    }
}

async fn increment_races(backend: &Backend) {
    let bucket = backend.bucket("increment-races");
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let bucket = bucket.clone();
        tasks.spawn(async move {
            let mut sums = Vec::new();
            for _ in 0..25 {
                sums.push(bucket.increment(key("n"), 1).await.unwrap());
            }
            sums
        });
    }
    let mut sums = tasks.join_all().await.concat();
    sums.sort_unstable();
    assert_eq!(sums, (1..=400).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_conforms() {
    conform(&Backend::new(BackendConfig::Memory(1 << 20))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_conforms() {
    conform(&Backend::new(BackendConfig::File)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_conforms() {
    let redis = Redis::start();
    conform(&Backend::of_redis(&redis)).await;
}

#[tokio::test]
async fn memory_is_bounded() {
    let backend = Backend::new(BackendConfig::Memory(1000));
    let bucket = backend.bucket("bounded");
    let value = || vec![b'x'; 300].into();
    bucket.set(key("a"), value()).await.unwrap();
    bucket.set(key("b"), value()).await.unwrap();
    fails(bucket.set(key("c"), value()).await, "memory_bytes");
    fails(bucket.swap(key("c"), None, value()).await, "memory_bytes");
    // What takes no more room than before is right, and what was freed is free.
    bucket.set(key("b"), value()).await.unwrap();
    bucket.delete(key("a")).await.unwrap();
    bucket.set(key("c"), value()).await.unwrap();
}

#[tokio::test]
async fn operations_at_once_are_bounded_and_the_wait_is() {
    let backend = Backend::new(BackendConfig::Memory(1000));
    let permits = Arc::new(Semaphore::new(1));
    let config = BucketConfig {
        name: "default".to_owned(),
        backend: backend.config.clone(),
        shared: false,
        limits: Limits::default(),
        timeout: Duration::from_millis(50),
    };
    let bucket = backend.stores.bucket("a", &config, &permits);
    let held = permits.acquire().await.unwrap();
    fails(bucket.get(key("a")).await, "limits.key_value_calls");
    drop(held);
    assert_eq!(bucket.get(key("a")).await, Ok(None));
}

#[tokio::test]
async fn the_file_keeps_its_values_and_has_one_server() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("deep/data");
    let backend =
        |stores| Backend { stores, config: BackendConfig::File, _dir: tempfile::tempdir().unwrap() };
    let first = backend(Stores::new(&folder));
    assert!(!folder.exists(), "made when it is needed");
    first.bucket("a").set(key("k"), "v".into()).await.unwrap();
    let second = backend(Stores::new(&folder));
    fails(second.stores.open_file(), "another server has it open");
    fails(second.bucket("a").get(key("k")).await, "another server has it open");
    first.stores.close();
    second.stores.open_file().unwrap();
    assert_eq!(second.bucket("a").get(key("k")).await.unwrap().as_deref(), Some(&b"v"[..]));
}

#[tokio::test]
async fn a_file_that_is_none_is_said_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key-value.redb");
    std::fs::write(&file, "something else").unwrap();
    let backend = Backend {
        stores: Stores::new(dir.path()),
        config: BackendConfig::File,
        _dir: tempfile::tempdir().unwrap(),
    };
    fails(backend.bucket("a").get(key("k")).await, "cannot open the key-value file");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "something else");
    // Once it is right, no restart is needed.
    std::fs::remove_file(&file).unwrap();
    assert_eq!(backend.bucket("a").get(key("k")).await, Ok(None));
}

#[tokio::test]
async fn a_redis_that_comes_back_is_used_again() {
    let mut redis = Redis::start();
    let backend = Backend::of_redis(&redis);
    let bucket = backend.bucket("a");
    bucket.set(key("k"), "before".into()).await.unwrap();
    redis.kill();
    let address = redis.url().replace("redis://", "");
    let error = bucket.get(key("k")).await.unwrap_err().to_string();
    assert!(error.contains(&format!("redis at {address} ")), "{error}");
    fails(bucket.set(key("k"), "lost".into()).await, "refuses connections");
    redis.restart();
    let deadline = Instant::now() + PATIENCE;
    let found = loop {
        match bucket.get(key("k")).await {
            Ok(found) => break found,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    assert_eq!(found.as_deref(), Some(&b"before"[..]));
    bucket.set(key("k"), "after".into()).await.unwrap();
}

#[tokio::test]
async fn a_redis_that_comes_late_is_used_then_and_no_password_is_shown() {
    let mut redis = Redis::start();
    redis.kill();
    let url = redis.url().replace("redis://", "redis://:s3cret@");
    let (connect_timeout, timeout) = (Duration::from_secs(2), PATIENCE);
    let config = RedisConfig { url: url.parse().unwrap(), connect_timeout, timeout };
    let backend = Backend::new(BackendConfig::Redis(Box::new(config)));
    let bucket = backend.bucket("a");
    let error = bucket.get(key("k")).await.unwrap_err().to_string();
    assert!(error.contains("refuses connections") && !error.contains("s3cret"), "{error}");
    // It is there, but knows no password, and then the right one.
    redis.restart();
    let deadline = Instant::now() + PATIENCE;
    let mut was_refused = false;
    while let Err(error) = bucket.get(key("k")).await {
        let error = error.to_string();
        assert!(Instant::now() < deadline && !error.contains("s3cret"), "{error}");
        if error.contains("refuses this server") && !was_refused {
            was_refused = true;
            redis.command("CONFIG SET requirepass s3cret");
        }
    }
    assert!(was_refused);
}

#[tokio::test]
async fn a_redis_that_is_silent_is_named_and_its_connection_left() {
    let redis = Redis::start();
    let (connect_timeout, timeout) = (Duration::from_secs(2), Duration::from_secs(1));
    let config = RedisConfig { url: redis.url().parse().unwrap(), connect_timeout, timeout };
    let backend = Backend::new(BackendConfig::Redis(Box::new(config)));
    let bucket = backend.bucket("a");
    bucket.set(key("k"), "v".into()).await.unwrap();
    // Redis numbers its connections.
    let number = || redis.command("CLIENT ID").trim_start_matches(':').parse::<u64>().unwrap();
    let before = number();
    redis.freeze();
    fails(bucket.get(key("k")).await, "has not answered in time");
    redis.thaw();
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = bucket.get(key("k")).await {
        assert!(Instant::now() < deadline, "{error}");
    }
    assert!(number() > before + 1, "between the test's own there was another");
}

const RUNS: usize = 10;
/// Acknowledged when it is killed, at least: the writer does not end by itself.
const WRITES: usize = 10_000;

/// Who is killed in the middle of its writes has lost none that were acknowledged.
#[tokio::test]
async fn kill_9_loses_no_acknowledged_write() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for run in 0..RUNS {
        let before = acknowledged.len();
        write_and_kill(dir.path(), &format!("run{run}"), &mut acknowledged);
        assert!(acknowledged.len() - before >= WRITES, "run {run}: ended by itself");
        check(dir.path(), &acknowledged[before..]).await;
    }
    check(dir.path(), &acknowledged).await;
}

#[tokio::test]
async fn a_bucket_in_memory_has_the_room_of_the_configuration_that_is_in_force() {
    let backend = Backend::new(BackendConfig::Memory(1000));
    let bucket = backend.bucket("a");
    let set = || bucket.set(key("k"), vec![0u8; 2000].into());
    let mut config = None;
    // A handler of another configuration was loaded, which may be refused.
    backend.bucket_with("a", |other| {
        other.backend = BackendConfig::Memory(100_000);
        config = Some(other.clone());
    });
    assert!(set().await.is_err());
    backend.stores.set_room(&config.unwrap());
    set().await.unwrap();
}

#[tokio::test]
async fn a_file_is_tried_without_making_or_changing_it() {
    let backend = Backend::new(BackendConfig::File);
    let path = backend.stores.path().to_owned();
    assert_eq!(backend.stores.try_file(), Ok(()));
    assert!(!path.exists());
    backend.bucket("a").set(key("k"), b"v".to_vec().into()).await.unwrap();
    // It is open here already, and held by this process for any other.
    assert_eq!(backend.stores.try_file(), Ok(()));
    let other = Stores::new(path.parent().unwrap());
    assert!(matches!(other.try_file(), Err(Unusable::Held(_))));
    backend.stores.close();
    let before = std::fs::read(&path).unwrap();
    assert_eq!(other.try_file(), Ok(()));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    for content in [Vec::new(), vec![b'x'; 8192]] {
        std::fs::write(&path, &content).unwrap();
        assert!(matches!(other.try_file(), Err(Unusable::Wrong(_))), "{} bytes", content.len());
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
}

fn write_and_kill(folder: &Path, prefix: &str, acknowledged: &mut Vec<String>) {
    let mut writer = Command::new(env!("CARGO_BIN_EXE_key-value-writer"));
    writer.arg(folder).arg(prefix);
    let mut writer = writer.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines().map(Result::unwrap);
    acknowledged.extend(lines.by_ref().take(WRITES));
    // SIGKILL.
    writer.kill().unwrap();
    acknowledged.extend(lines);
    writer.wait().unwrap();
}

async fn check(folder: &Path, acknowledged: &[String]) {
    let backend = Backend {
        stores: Stores::new(folder),
        config: BackendConfig::File,
        _dir: tempfile::tempdir().unwrap(),
    };
    let bucket = backend.bucket("writer");
    for keys in acknowledged.chunks(1000) {
        let values = bucket.get_many(keys.to_vec()).await.unwrap();
        for (key, value) in keys.iter().zip(values) {
            assert_eq!(value.as_deref(), Some(format!("value of {key}").as_bytes()), "{key}");
        }
    }
}

#[tokio::test]
async fn a_bucket_in_the_file_is_bounded() {
    let backend = Backend::new(BackendConfig::File);
    let bounded = |backend: &Backend, owner: &str| {
        backend.bucket_with(owner, |config| config.limits.bucket_bytes = 100_000)
    };
    let bucket = bounded(&backend, "one");
    fn value<T: From<Vec<u8>>>(length: usize) -> T {
        vec![b'1'; length].into()
    }
    let mut count = 0;
    while bucket.set(format!("k{count}"), value(10_000)).await.is_ok() {
        count += 1;
        assert!(count < 20, "it grows without end");
    }
    assert_eq!(count, 9);
    let expected = "it holds 100000 bytes (bucket_bytes)";
    fails(bucket.set(key("other"), value(10_000)).await, expected);
    fails(bucket.swap(key("other"), None, value(10_000)).await, expected);
    // All of it, or nothing.
    let batch = vec![(key("small"), Some(value(1))), (key("other"), Some(value(10_000)))];
    fails(bucket.change(batch).await, expected);
    assert_eq!(bucket.get(key("small")).await, Ok(None));
    // What is there may be replaced, also within one change, and counts no longer when it is gone.
    for _ in 0..20 {
        bucket.set(key("k0"), value(10_000)).await.unwrap();
        let there_and_back = vec![(key("k1"), None), (key("k1"), Some(value(10_000)))];
        bucket.change(there_and_back).await.unwrap();
        assert_eq!(bucket.swap(key("k2"), Some(value(10_000)), value(10_000)).await, Ok(Swap::Done));
    }
    for number in 0..60 {
        bucket.increment(format!("n{number}"), 1).await.unwrap();
    }
    fails(bucket.set(key("other"), value(9_000)).await, expected);
    bucket.delete(key("k0")).await.unwrap();
    bucket.set(key("other"), value(9_000)).await.unwrap();
    // Others have a room of their own, and what is in it is known when the file is opened again.
    bounded(&backend, "two").set(key("k"), value(90_000)).await.unwrap();
    backend.stores.close();
    fails(bucket.set(key("more"), value(10_000)).await, expected);
    // Less than it has takes nothing away.
    let smaller = backend.bucket_with("one", |config| config.limits.bucket_bytes = 10);
    smaller.set(key("other"), value(10)).await.unwrap();
    fails(smaller.set(key("other"), value(11)).await, "it holds 10 bytes");
}
