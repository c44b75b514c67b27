//! What the supervisor that has started this process is told (sd_notify(3)), where it wants to
//! hear it: systemd, or whoever else listens at `NOTIFY_SOCKET`.

use std::time::Duration;

use sd_notify::{NotifyState, notify};

/// Everything is served, as it was configured last.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is read anew; [`ready`] follows whatever comes of it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The process ends as soon as what is under way has.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// It is alive.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// Within which time it has to say so again; none where nobody waits for it.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = notify(states) {
        tracing::debug!(%error, "the supervisor cannot be told");
    }
}
