//! What is asked of whom, when, at which core, and by what kind of client.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;

/// The most steps of a schedule.
const STEPS: usize = 60;

/// A run.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// How many cores there are.
    pub cores: usize,
    /// What happens, one after the other.
    pub steps: Vec<Step>,
}

/// Some calls that begin at once.
#[derive(Debug, Clone)]
pub struct Step {
    /// How long after the step before.
    pub after: Duration,
    /// The core that the connections are on, modulo their number.
    pub core: usize,
    /// The handler.
    pub who: Who,
    /// What it is asked.
    pub ask: Ask,
    /// How the clients behave.
    pub manner: Manner,
    /// How many they are.
    pub times: usize,
}

/// The handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// Calls share instances; nobody traps.
    Calm,
    /// Likewise, in one instance of all cores.
    Seated,
    /// Calls share instances, and some trap or compute without end.
    Trapping,
    /// A call at a time in an instance, and a few in all.
    Reuse,
    /// An instance a call.
    Fresh,
    /// Likewise, and as many as there may be.
    Greedy,
    /// Asked seldom, so that it mostly has no instance.
    Newcomer,
    /// Another.
    OtherNewcomer,
}

/// What a guest is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// To answer at once.
    Ok,
    /// To wait for so many milliseconds.
    Sleep(u64),
    /// Likewise, by a method that is not run twice.
    SleepOnce(u64),
    /// To wait for ever.
    Never,
    /// To send the start of a body, and then nothing.
    Stall,
    /// To send for as long as somebody reads.
    Endless,
    /// To send so many bytes back.
    Echo(usize),
    /// To read so many bytes, with pauses.
    SlowRead(usize),
    /// To compute for so many steps.
    Compute(u64),
    /// To panic.
    Trap,
    /// To wait, and then panic.
    TrapLater(u64),
    /// To send the start of a body, and then panic.
    Half,
    /// To compute for ever.
    Spin,
}

/// How a client behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It sends all, and reads all.
    Patient,
    /// It sends and reads a few bytes at a time, with so many milliseconds between.
    Slow(u64),
    /// It is gone after so many.
    Leaves(u64),
}

/// All schedules.
pub fn schedules() -> impl Strategy<Value = Schedule> {
    (1..=2_usize, vec(step(), 1..STEPS)).prop_map(|(cores, steps)| Schedule { cores, steps })
}

fn step() -> impl Strategy<Value = Step> {
    let after = prop_oneof![
        4 => Just(0),
        4 => 1..50_u64,
        3 => 50..1500_u64,
        1 => 1500..45_000_u64,
    ];
    (after, any::<u8>(), asked(), manner()).prop_map(|(after, core, (who, ask, times), manner)| Step {
        after: Duration::from_millis(after),
        core: usize::from(core),
        who,
        ask,
        manner,
        times,
    })
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        5 => Just(Manner::Patient),
        1 => (1..60_u64).prop_map(Manner::Slow),
        2 => prop_oneof![Just(0), 1..20_u64, 20..3000_u64].prop_map(Manner::Leaves),
    ]
}

fn asked() -> impl Strategy<Value = (Who, Ask, usize)> {
    prop_oneof![
        6 => (Just(Who::Calm), calm(), 1..12_usize),
        4 => (Just(Who::Seated), calm(), 1..12_usize),
        4 => (Just(Who::Trapping), wild(), 1..20_usize),
        4 => (Just(Who::Reuse), wild(), 1..8_usize),
        4 => (Just(Who::Fresh), wild(), 1..8_usize),
        3 => (Just(Who::Greedy), (50..2500_u64).prop_map(Ask::Sleep), 1..72_usize),
        2 => (Just(Who::Newcomer), modest(), Just(1)),
        2 => (Just(Who::OtherNewcomer), modest(), Just(1)),
    ]
}

fn modest() -> impl Strategy<Value = Ask> {
    prop_oneof![Just(Ask::Ok), (1..100_u64).prop_map(Ask::Sleep), (1..2000_usize).prop_map(Ask::Echo)]
}

fn calm() -> impl Strategy<Value = Ask> {
    prop_oneof![
        3 => modest(),
        2 => (1..2500_u64).prop_map(Ask::Sleep),
        2 => (1..2500_u64).prop_map(Ask::SleepOnce),
        1 => Just(Ask::Never),
        1 => Just(Ask::Stall),
        1 => Just(Ask::Endless),
        1 => (1..400_usize).prop_map(Ask::SlowRead),
        1 => (1..2_000_000_u64).prop_map(Ask::Compute),
    ]
}

fn wild() -> impl Strategy<Value = Ask> {
    prop_oneof![
        12 => calm(),
        3 => Just(Ask::Trap),
        2 => (1..500_u64).prop_map(Ask::TrapLater),
        1 => Just(Ask::Half),
        1 => Just(Ask::Spin),
    ]
}
