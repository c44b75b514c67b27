//! What an answer has to be, whatever goes on around it.

use std::time::Duration;

use crate::client::{Seen, sent};
use crate::schedule::{Ask, Manner, Step, Who};
use crate::world::{BODY_IDLE_TIMEOUT, CALL_TIMEOUT, QUEUE_TIMEOUT};

/// What goes on takes no time here, but for short pauses, such as that between two looks for a
/// place.
const SLACK: Duration = Duration::from_millis(150);

/// Who had an instance that was just given up has none until it has ended, for which it has a
/// second.
const GIVEN_UP: Duration = Duration::from_secs(1);

/// What went on around a call.
#[derive(Debug)]
pub(crate) struct Around {
    /// More calls of the handler than it takes at once were under way when it began.
    pub(crate) is_queued: bool,
    /// All places but the reserve were taken meanwhile.
    pub(crate) is_crowded: bool,
}

/// The answer of a guest that nobody disturbs.
struct Own {
    status: u16,
    /// Of 200.
    body: Vec<u8>,
    is_whole: bool,
    took: Duration,
}

impl Own {
    fn of(ask: Ask) -> Self {
        let ms = Duration::from_millis;
        let full = |body: &str, took| Self { status: 200, body: body.into(), is_whole: true, took };
        let begun = |body: &str, took| Self { is_whole: false, ..full(body, took) };
        let fails = |status, took| Self { status, body: Vec::new(), is_whole: true, took };
        match ask {
            Ask::Ok => full("ok", ms(0)),
            Ask::Sleep(time) | Ask::SleepOnce(time) => full("slept", ms(time)),
            Ask::Never => fails(504, CALL_TIMEOUT),
            Ask::Stall => begun("the first half", BODY_IDLE_TIMEOUT),
            Ask::Half => begun("the first half", ms(50)),
            Ask::Endless => begun("", ms(0)),
            Ask::Echo(length) => Self { body: sent(length), ..full("", ms(0)) },
            // It pauses after each piece, and a piece is a byte at least.
            Ask::SlowRead(length) => full(&length.to_string(), ms(5 * length as u64)),
            Ask::Compute(steps) => full(&steps.to_string(), ms(0)),
            Ask::Trap => fails(500, ms(0)),
            Ask::TrapLater(time) => fails(500, ms(time)),
            Ask::Spin => fails(500, ms(0)),
        }
    }
}

/// Holds an answer against what it has to be.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn judge(step: &Step, seen: &Seen, around: &Around) -> Result<(), String> {
    let Step { who, ask, manner, .. } = step;
    let own = Own::of(*ask);
    if seen.is_malformed {
        return Err("is malformed, or more than one".to_owned());
    }
    let Some(status) = seen.status else {
        return if seen.has_left { Ok(()) } else { Err("never came".to_owned()) };
    };
    let is_refused_path = matches!(ask, Ask::Trap | Ask::TrapLater(_) | Ask::Half | Ask::Spin);
    let is_newcomer = matches!(who, Who::Newcomer | Who::OtherNewcomer);
    let may_wait = around.is_queued || (around.is_crowded && !is_newcomer);
    let is_right = match status {
        _ if status == own.status => true,
        // It may have trapped before its head had left.
        500 => *ask == Ask::Half || *who == Who::Trapping,
        503 => may_wait || *who == Who::Trapping || is_refused_path,
        _ => false,
    };
    if !is_right {
        return Err(format!("is {status}"));
    }
    if status == 200 {
        let fits = match (seen.is_whole, *ask) {
            (_, Ask::Endless) => seen.body.iter().all(|byte| *byte == b'x'),
            (true, _) => own.is_whole && seen.body == own.body,
            // Its end is another's trap.
            (false, _) if !own.is_whole || *who == Who::Trapping => own.body.starts_with(&seen.body),
            (false, _) => false,
        };
        if !fits && !seen.has_left {
            return Err(format!("is another body, {}", if seen.is_whole { "and whole" } else { "and cut" }));
        }
    }
    let most = match (manner, who) {
        (Manner::Patient, Who::Trapping) => CALL_TIMEOUT + 2 * QUEUE_TIMEOUT,
        (Manner::Patient, _) if may_wait => own.took + 2 * QUEUE_TIMEOUT,
        (Manner::Patient, _) if around.is_crowded => own.took + GIVEN_UP,
        (Manner::Patient, _) => own.took,
        _ => return Ok(()),
    };
    match seen.took > most + SLACK {
        true => Err(format!("took {:?}", seen.took)),
        false => Ok(()),
    }
}
