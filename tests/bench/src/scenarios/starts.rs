//! How long it takes until a handler answers, and what its compiling does to others.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};

use super::scenario::{Kind, Scenario};
use crate::aim::Bound;
use crate::measured::{Sample, Series};
use crate::request::Request;
use crate::subjects::{Running, Setting, patchboard};
use crate::wrk::Wrk;

pub(crate) static COLD_START: Scenario = Scenario {
    name: "cold-start",
    about: "`patchboard serve` with ten handlers whose code is cached",
    kind: Kind::Series(Series {
        measure: cold_start,
        needs: &[],
        value: "ms from exec to the first answer",
        bound: Bound::AtMost(100.0),
    }),
};

pub(crate) static DROP_IN: Scenario = Scenario {
    name: "drop-in",
    about: "a new component of about 100 KiB, on a server at rest",
    kind: Kind::Series(Series {
        measure: drop_in,
        needs: &[],
        value: "ms from the rename to the first answer",
        bound: Bound::AtMost(300.0),
    }),
};

pub(crate) static COMPILE_UNDER_LOAD: Scenario = Scenario {
    name: "compile-under-load",
    about: "hello under the load of 32 connections, while one new component after the other is compiled",
    kind: Kind::Series(Series {
        measure: compile_under_load,
        needs: &[],
        value: "times the p99 without",
        bound: Bound::AtMost(2.0),
    }),
};

/// How long a handler may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the watcher of the folder may need to have seen everything so far.
const REST: Duration = Duration::from_millis(500);
/// Of load, with and without compiling.
const SECONDS: u32 = 3;

fn cold_start(setting: &Setting<'_>) -> Result<Sample> {
    let start = Instant::now();
    let running = (patchboard::TEN.start)(setting)?;
    // The kernel has accepted the connection long before the server does.
    match running.ask(&Request::get("/p2-hello/plain"))?.status {
        200 => Ok(Sample::of_ms(ms(start))),
        status => bail!("the first answer was {status}"),
    }
}

fn drop_in(setting: &Setting<'_>) -> Result<Sample> {
    let running = (patchboard::HELLO.start)(setting)?;
    thread::sleep(REST);
    let place = Place::of(setting, &running)?;
    Ok(Sample::of_ms(place.drop_in()?))
}

fn compile_under_load(setting: &Setting<'_>) -> Result<Sample> {
    let running = (patchboard::HELLO.start)(setting)?;
    let request = Request::get("/");
    let wrk = Wrk { address: running.address(), request: &request, connections: 32, seconds: SECONDS };
    let without = wrk.run(&setting.folder)?.p99_us;
    let place = Place::of(setting, &running)?;
    let over = AtomicBool::new(false);
    let with = thread::scope(|scope| {
        let compiling = scope.spawn(|| {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                place.drop_in()?;
                count += 1;
            }
            anyhow::Ok(count)
        });
        let with = wrk.run(&setting.folder);
        over.store(true, Ordering::Relaxed);
        match compiling.join() {
            Ok(Ok(0)) => bail!("nothing was compiled"),
            Ok(compiled) => compiled.and(with),
            Err(_) => bail!("the thread that drops components in failed"),
        }
    })?;
    Ok(Sample { value: with.p99_us / without, us: with.p99_us })
}

/// A server to drop components into.
#[derive(Debug)]
struct Place<'a> {
    running: &'a Running,
    folder: PathBuf,
    component: PathBuf,
}

impl<'a> Place<'a> {
    fn of(setting: &Setting<'_>, running: &'a Running) -> Result<Self> {
        let folder = patchboard::handlers(setting)?;
        Ok(Self { running, folder, component: setting.component("p2-hello")? })
    }

    /// Drops in a component that was never seen before; gives the milliseconds until it
    /// answers.
    fn drop_in(&self) -> Result<f64> {
        let (new, file) = (self.folder.join("new"), self.folder.join("new.wasm"));
        write_unseen(&self.component, &new)?;
        if file.exists() {
            fs::remove_file(&file)?;
            self.wait_for(404)?;
        }
        let start = Instant::now();
        fs::rename(&new, &file)?;
        self.wait_for(200)?;
        Ok(ms(start))
    }

    fn wait_for(&self, status: u16) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let request = Request::get("/new/plain");
        while self.running.ask(&request)?.status != status {
            if Instant::now() > deadline {
                bail!("it was not answered with {status} within {PATIENCE:?}");
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// Copies a component, with a custom section that no other copy has.
fn write_unseen(from: &Path, to: &Path) -> Result<()> {
    let mut bytes = fs::read(from).with_context(|| format!("could not read {}", from.display()))?;
    let now = SystemTime::UNIX_EPOCH.elapsed()?.as_nanos().to_le_bytes();
    // Section 0: its size, a name with its length, and what it says.
    bytes.extend([0, 2 + now.len() as u8, 1, b'n']);
    bytes.extend(now);
    fs::write(to, bytes).with_context(|| format!("could not write {}", to.display()))
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
