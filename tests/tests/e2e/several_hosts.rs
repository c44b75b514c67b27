//! Several hosts behind a load balancer serve one site, with what they keep in
//! PostgreSQL and Redis; and one of them may go away.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use patchboard_sql::{Backend, Database, DatabaseConfig, Limits, Start, Statement, Value};
use patchboard_tests::{Balancer, Client, PATIENCE, Postgres, Redis, Server, wait_until};
use rustix::process::Signal;

const WRITERS: usize = 4;
/// How often a read that fails is tried again.
const TRIES: usize = 3;

fn host(postgres: &Postgres, redis: &Redis) -> Server {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR"))
        .with_file_name("guest-handlers")
        .join("guestbook/migrations/postgres");
    Server::builder()
        .demo("guestbook")
        .file("css/guestbook.css", "")
        .config(&format!(
            "[handlers.guestbook]\nsql = \"guestbook\"\nkey_value = \"guestbook\"\n\
             [sql.guestbook]\nurl = \"{}\"\nmigrations = {migrations:?}\n\
             [key_value.guestbook]\nbackend = \"redis\"\nurl = \"{}\"\n\
             [[static]]\nprefix = \"/css\"\ndir = \"css\"\nname = \"css\"",
            postgres.url(),
            redis.url(),
        ))
        .start()
}

fn sign(client: &Client, balancer: &Balancer, message: &str) -> bool {
    let form = format!("author=writer&message={message}");
    let url = balancer.url("/guestbook");
    client
        .try_post(&url, "application/x-www-form-urlencoded", form.as_bytes())
        .is_ok_and(|reply| reply.status == 303)
}

/// The messages that are in the database itself.
fn messages(url: &str) -> HashSet<String> {
    let backend = Backend::Postgres(url.parse().unwrap());
    let config = DatabaseConfig { backend, migrations: Vec::new(), limits: Limits::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = Database::open("check", &config).unwrap();
        assert!(matches!(database.start(PATIENCE).await, Start::Ready(_)));
        let all = Statement::parse("SELECT message FROM entries".to_owned(), Vec::new()).unwrap();
        let mut result = database.query(all).await.unwrap();
        let mut rows = std::mem::take(&mut result.rows);
        while let Some(rest) = &mut result.rest {
            let batch = rest.next().await.unwrap();
            if batch.is_empty() {
                break;
            }
            rows.extend(batch);
        }
        rows.into_iter()
            .map(|row| match row.into_iter().next() {
                Some(Value::Text(message)) => message,
                other => panic!("{other:?}"),
            })
            .collect()
    })
}

#[test]
fn a_host_that_is_killed_takes_no_acknowledged_write_with_it() {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    // Both at once: the migrations are applied by one of them.
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| host(&postgres, &redis));
        let second = scope.spawn(|| host(&postgres, &redis));
        (first.join().unwrap(), second.join().unwrap())
    });
    let balancer = Arc::new(Balancer::nginx(&[first.address(), second.address()]));
    let (acknowledged, reads) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (balancer, acknowledged, over) = (balancer.clone(), acknowledged.clone(), over.clone());
            thread::spawn(move || {
                let (client, mut written) = (Client::new(), Vec::new());
                for number in 0.. {
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                    let message = format!("{writer}-{number}");
                    if sign(&client, &balancer, &message) {
                        written.push(message);
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                }
                written
            })
        })
        .collect();
    let reader = {
        let (balancer, reads, over) = (balancer.clone(), reads.clone(), over.clone());
        thread::spawn(move || {
            let client = Client::new();
            while !over.load(Ordering::SeqCst) {
                let url = balancer.url("/guestbook");
                let read = || client.try_get(&url, &[]).is_ok_and(|reply| reply.status == 200);
                assert!((0..TRIES).any(|_| read()), "a read failed {TRIES} times");
                reads.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    let at_least = |count: usize| {
        wait_until("enough was written and read", || {
            acknowledged.load(Ordering::SeqCst) >= count && reads.load(Ordering::SeqCst) >= count / 4
        });
    };
    at_least(200);
    first.signal(Signal::KILL);
    let so_far = acknowledged.load(Ordering::SeqCst);
    at_least(so_far + 200);
    over.store(true, Ordering::SeqCst);
    let written: Vec<String> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    reader.join().unwrap();
    let there = messages(&postgres.url());
    let lost: Vec<_> = written.iter().filter(|message| !there.contains(*message)).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged writes are lost: {lost:?}", lost.len(), written.len());
    // The counter of both hosts is one, in Redis.
    let page = second.get("/guestbook");
    let visits = page.text().split("<span id=\"visits\">").nth(1).and_then(|rest| rest.split('<').next());
    let visits: usize = visits.unwrap().parse().unwrap();
    assert!(visits > reads.load(Ordering::SeqCst), "{visits} visits");
}

#[test]
fn what_is_kept_elsewhere_may_be_away_for_a_while() {
    let (mut postgres, mut redis) = (Postgres::start(), Redis::start());
    let server = host(&postgres, &redis);
    assert_eq!(server.get("/guestbook").status, 200);
    postgres.kill();
    assert_eq!(server.get("/guestbook").status, 503);
    postgres.resume();
    wait_until("the database is used again", || server.get("/guestbook").status == 200);
    redis.kill();
    let status = server.get("/guestbook").status;
    assert!(status >= 500, "{status}");
    redis.restart();
    wait_until("the counter is used again", || server.get("/guestbook").status == 200);
}
