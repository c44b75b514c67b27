//! Attacks, one after the other: a handler that takes all it can of one thing, and another
//! beside it that must not notice.
//!
//! For each, the same clients first ask a handler that only computes: the CPU time that it takes is
//! the control's, with which the other's times are compared. Held is that every answer of
//! the other is right, and that the server has no more memory than the attacker may have, and
//! 64 MiB.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use patchboard_tests::Server;

/// What all instances of the attacker may have.
const LEDGER: u64 = 256 << 20;
/// What the server may need beside it.
const BESIDE: u64 = 64 << 20;
/// Clients that attack at once.
const CLIENTS: usize = 8;
/// How often the other handler is asked.
const PAUSE: Duration = Duration::from_millis(5);

/// An attack: what it takes, the guest, how it is configured, and what it is asked.
struct Attack {
    name: &'static str,
    guest: &'static str,
    /// Keys of the handler, and tables after them.
    config: &'static str,
    path: &'static str,
    /// Of POST.
    body: Option<&'static str>,
    /// What is asked before, where the server keeps something of its own for it.
    warming: Option<&'static str>,
}

const fn attack(name: &'static str, guest: &'static str, path: &'static str) -> Attack {
    Attack { name, guest, config: "", path, body: None, warming: None }
}

const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n WHERE i < 0";

const ATTACKS: [Attack; 14] = [
    attack("memory", "ill", "/memory"),
    attack("resources", "ill", "/hoard"),
    attack("CPU", "ill", "/spin"),
    attack("log", "ill", "/log-flood"),
    attack("fields of 0.2", "p2-hello", "/p2-hello/hoard-fields"),
    attack("requests of 0.2", "p2-hello", "/p2-hello/hoard-requests"),
    attack("bodies of 0.2", "p2-hello", "/p2-hello/hoard-bodies"),
    attack("fields of 0.3", "p3-hello", "/p3-hello/hoard-fields"),
    attack("requests of 0.3", "p3-hello", "/p3-hello/hoard-requests"),
    attack("streams of 0.3", "p3-hello", "/p3-hello/hoard-streams"),
    Attack {
        config: "key_value = \"default\"\n",
        // The file of the buckets has a cache.
        warming: Some("/pending/default/60"),
        ..attack("pending key-value operations", "key-value", "/pending/default/1500")
    },
    Attack { config: "isolation = \"request\"\n", ..attack("pool", "ill", "/never") },
    Attack {
        config: "sql = \"notes\"\n[sql.notes]\nstatement_timeout = \"1s\"\n",
        body: Some(ENDLESS),
        ..attack("SQL", "sql", "/sql/notes/query")
    },
    Attack {
        config: "isolation = \"request\"\nwritable_folders = { \"/data\" = \".\" }\n",
        body: Some("x"),
        ..attack("folder", "ill", "/file/data/written")
    },
];

/// What was seen of the handler beside.
#[derive(Debug, Default)]
struct Beside {
    times: Vec<Duration>,
    failed: Vec<String>,
    attacks: usize,
    cpu: Duration,
}

impl Beside {
    fn percentile(&mut self, of_hundred: usize) -> Duration {
        self.times.sort();
        let index = self.times.len() * of_hundred / 100;
        self.times.get(index.min(self.times.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Runs all of them, each for so long, and the control for as long; everything that was wrong.
pub(crate) fn run(seconds: u32) -> Result<Vec<String>> {
    let time = Duration::from_secs(u64::from(seconds));
    let mut wrong = Vec::new();
    for attack in &ATTACKS {
        let server = start(attack);
        if let Some(path) = attack.warming {
            ask_all(&server, (path, None), time)?;
        }
        // What the first calls of all handlers take is nobody's attack.
        let steps = "/control/compute?steps=2000000";
        ask_all(&server, (steps, None), Duration::from_millis(200))?;
        let mut control = ask_all(&server, (steps, None), time)?;
        let before = server.peak_memory();
        let mut attacked = ask_all(&server, (attack.path, attack.body), time)?;
        let more = server.peak_memory().saturating_sub(before);
        let (p99, of_control) = (attacked.percentile(99), control.percentile(99));
        eprintln!(
            "chaos: {}: {} attacks, {} of {} failed beside; p99 {:.1?}, and {:.1?} beside the control; CPU {:.1?} and \
             {:.1?}; {} MiB more",
            attack.name,
            attacked.attacks,
            attacked.failed.len(),
            attacked.times.len(),
            p99,
            of_control,
            attacked.cpu,
            control.cpu,
            more >> 20,
        );
        for beside in [&control, &attacked] {
            if let Some(first) = beside.failed.first() {
                wrong.push(format!(
                    "{}: {} failed beside it, first {first}",
                    attack.name,
                    beside.failed.len()
                ));
            }
        }
        if more > LEDGER + BESIDE {
            wrong.push(format!("{}: the server has {} MiB more than before it", attack.name, more >> 20));
        }
        server.stop();
    }
    Ok(wrong)
}

fn start(attack: &Attack) -> Server {
    let Attack { guest, config, .. } = attack;
    let limits = format!(
        "limits = {{ memory_bytes = \"64MiB\", total_memory_bytes = {LEDGER}, cpu_timeout = \"200ms\", call_timeout = \"2s\" }}"
    );
    let control = "[handlers.control]\nisolation = \"shared\"\n\
                   routes = [{ route = \"GET /control/compute\", name = \"compute\" }]";
    Server::builder()
        .server("cores = 2\naccess_log = \"off\"\ninstances = 64")
        .guest(guest)
        .guest_as("ill", "control")
        .demo("hello")
        .config(control)
        .config(&format!("[handlers.{guest}]\n{limits}\n{config}"))
        .variable("RUST_BACKTRACE", "0")
        .start()
}

/// Has the clients ask for one thing for so long, and the other handler meanwhile.
fn ask_all(server: &Server, (path, body): (&str, Option<&str>), time: Duration) -> Result<Beside> {
    let (over, attacks, seen) = (AtomicBool::new(false), Mutex::new(0), Mutex::new(Beside::default()));
    let before = cpu(server)?;
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    // Whatever comes of it.
                    let _answer = match body {
                        None => server.client().try_get(&server.url(path), &[]),
                        Some(body) => {
                            server.client().try_post(&server.url(path), "text/plain", body.as_bytes())
                        }
                    };
                    *attacks.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                }
            });
        }
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        while start.elapsed() < time {
            let asked = Instant::now();
            match server.client().try_get(&server.url("/"), &[]) {
                Ok(reply) if reply.status == 200 && reply.text() == "Hello, world" => {}
                Ok(reply) => seen.failed.push(format!("{} {}", reply.status, reply.text())),
                Err(error) => seen.failed.push(error.to_string()),
            }
            seen.times.push(asked.elapsed());
            thread::sleep(PAUSE);
        }
        over.store(true, Ordering::Relaxed);
    });
    let mut seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    seen.attacks = attacks.into_inner().unwrap_or_else(PoisonError::into_inner);
    seen.cpu = cpu(server)?.saturating_sub(before);
    Ok(seen)
}

/// The CPU time that the server has had.
fn cpu(server: &Server) -> Result<Duration> {
    /// Of the kernel's clock in `/proc`, which is the same on all machines that Linux runs on.
    const TICKS: u64 = 100;
    let stat =
        std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).context("the server has ended")?;
    // After the name, which may have spaces.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11);
    let ticks: u64 = fields.take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS))
}
