//! A thread of a database: its connection, and the sessions that come to it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::clock::Clock;
use super::connection::{Access, Connection};
use super::error;
use crate::session::Job;
use crate::{Error, Limits};

/// Serves sessions until nobody can send any more. What only a writer can do is given
/// to `pass_on`, which returns what it cannot take.
pub(super) fn work(
    jobs: &Mutex<mpsc::Receiver<Job>>,
    connection: Result<Connection, (PathBuf, Arc<Limits>, Arc<Clock>)>,
    pass_on: impl Fn(Job) -> Option<mpsc::error::TrySendError<Job>>,
) {
    let (mut connection, to_open) = match connection {
        Ok(connection) => (Some(connection), None),
        Err(to_open) => (None, Some(to_open)),
    };
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(job) = job else { return };
        if connection.is_none()
            && let Some((path, limits, clock)) = &to_open
        {
            match Connection::open(path, limits, Access::Read, clock.clone()) {
                Ok(opened) => connection = Some(opened),
                Err(error) => {
                    let error = error::explain_of(path, limits, error);
                    job.first.refuse(Error::Unavailable(format!("cannot open the database: {error}")));
                    continue;
                }
            }
        }
        let Some(connection) = &mut connection else { return };
        if let Some(job) = connection.serve(job)
            && let Some(error) = pass_on(job)
        {
            error.into_inner().first.refuse(Error::busy_writer());
        }
        if connection.is_replaced() {
            return;
        }
    }
}
