//! Random schedules, for half a minute or as long as `PATCHBOARD_SIMULATION_SECONDS` says.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use patchboard_simulation::{Schedule, run, schedules};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// How long it goes on if nobody says otherwise.
const SECONDS: u64 = 30;
/// How often a schedule that found something is made shorter.
const SHRINKS: u32 = 400;

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is {value:?}, which is no number")))
}

#[test]
fn whatever_the_schedule_nothing_is_lost_and_nobody_starves() {
    let time = Duration::from_secs(setting("PATCHBOARD_SIMULATION_SECONDS").unwrap_or(SECONDS));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seed = setting("PATCHBOARD_SIMULATION_SEED").unwrap_or(now);
    let start = Instant::now();
    let mut runs = 0;
    while runs == 0 || start.elapsed() < time {
        if let Err(wrong) = try_one(seed + runs) {
            panic!("PATCHBOARD_SIMULATION_SEED={}: {wrong}", seed + runs);
        }
        runs += 1;
    }
    println!("{runs} schedules in {:?}, from seed {seed} on", start.elapsed());
}

fn try_one(seed: u64) -> Result<(), TestError<Schedule>> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config =
        Config { cases: 1, max_shrink_iters: SHRINKS, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, rng)
        .run(&schedules(), |schedule| run(&schedule).map_err(TestCaseError::fail))
}
