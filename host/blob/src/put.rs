//! An object that is being put: bytes as they come, and what they come to at the end.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::job::{Job, Jobs};
use crate::writing::Writing;
use crate::{Error, Metadata, ObjectName};

/// An object that is being put.
///
/// It is there when [`Put::finish`] says so, whole and durable, in place of the one that
/// had its name. Dropped before, it leaves nothing.
#[derive(Debug)]
pub struct Put {
    pub(crate) jobs: Jobs,
    pub(crate) timeout: Duration,
    pub(crate) name: ObjectName,
    pub(crate) state: State,
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

pub(crate) enum State {
    Idle(Writing),
    Busy(Job<Writing>),
    Failed(Error),
}

impl Put {
    /// Takes more of the object. Returns when what was given before is written; what is
    /// given now, of which there is one at a time, is written meanwhile. Dropped before it
    /// has returned, it has taken nothing.
    ///
    /// # Errors
    ///
    /// If the object or its folder gets too large, or the disk fails; the put is over
    /// then.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.ready().await?;
        let failed = State::Failed(Error::Other("the put has failed before".to_owned()));
        self.state = match std::mem::replace(&mut self.state, failed) {
            State::Idle(mut writing) => State::Busy(self.jobs.start(self.timeout, move || {
                writing.write(&bytes)?;
                Ok(writing)
            })),
            other => other,
        };
        Ok(())
    }

    /// Waits until what was given is written.
    ///
    /// # Errors
    ///
    /// As [`Put::write`].
    pub async fn ready(&mut self) -> Result<(), Error> {
        if let State::Busy(job) = &mut self.state {
            self.state = job.await.map_or_else(State::Failed, State::Idle);
        }
        match &self.state {
            State::Failed(error) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Makes it the object of its name.
    ///
    /// # Errors
    ///
    /// As [`Put::write`]; and if the name cannot be had beside those that are there.
    pub async fn finish(mut self) -> Result<Metadata, Error> {
        self.ready().await?;
        let failed = State::Failed(Error::Other("the put is over".to_owned()));
        match std::mem::replace(&mut self.state, failed) {
            State::Idle(writing) => {
                let (name, permit) = (self.name.clone(), self.permit.take());
                self.jobs
                    .start(self.timeout, move || {
                        let outcome = writing.finish(&name);
                        drop(permit);
                        outcome
                    })
                    .await
            }
            State::Busy(_) => Err(Error::Other("the put is under way".to_owned())),
            State::Failed(error) => Err(error),
        }
    }
}

impl Drop for Put {
    fn drop(&mut self) {
        let over = State::Failed(Error::NotFound);
        match std::mem::replace(&mut self.state, over) {
            State::Failed(_) => {}
            state => self.jobs.drop((state, self.permit.take())),
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Idle(_) => "Idle",
            Self::Busy(_) => "Busy",
            Self::Failed(_) => "Failed",
        })
    }
}
