//! A folder as a guest has it: every operation within its limits and its time.
//!
//! An operation has a permit of its owner's: a put until its end, an object until it is
//! read or dropped, and so has each file that is open. A permit is given back by the work
//! that holds it, so that what a disk keeps waiting stays counted.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::job::Jobs;
use crate::object::Opened;
use crate::place::Place;
use crate::put::State;
use crate::root::Root;
use crate::writing::Writing;
use crate::{Error, FolderConfig, Metadata, Object, ObjectName, Page, Put, Range};

/// Objects of a page of a list.
const PAGE_OBJECTS: usize = 1000;

/// A folder.
#[derive(Debug)]
pub struct Folder {
    pub(crate) config: FolderConfig,
    pub(crate) place: Arc<Place>,
    pub(crate) jobs: Jobs,
    pub(crate) permits: Arc<Semaphore>,
}

impl Folder {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Begins to put an object, which replaces the one of this name when it is complete.
    ///
    /// # Errors
    ///
    /// If it is granted for reading only, or has as many objects as it may.
    pub async fn put(&self, name: ObjectName) -> Result<Put, Error> {
        self.check_writable()?;
        let limits = self.config.limits.clone();
        let (writing, permit) = self.begin(move |root| Writing::begin(root.clone(), limits)).await?;
        Ok(Put {
            jobs: self.jobs.clone(),
            timeout: self.config.timeout,
            name,
            state: State::Idle(writing),
            permit: Some(permit),
        })
    }

    /// Opens an object to be read, whole or in part.
    ///
    /// # Errors
    ///
    /// If there is none, or it ends before the range begins.
    pub async fn get(&self, name: ObjectName, range: Range) -> Result<Object, Error> {
        let (opened, permit) = self.begin(move |root| Opened::open(root, &name, range)).await?;
        Ok(Object::new(opened, self.jobs.clone(), self.config.timeout, Some(permit)))
    }

    /// What is known of an object.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn head(&self, name: ObjectName) -> Result<Metadata, Error> {
        self.work(move |root| root.head(&name)).await
    }

    /// A page of the objects whose names begin with `prefix`, after the name `after`.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub async fn list(&self, prefix: String, after: Option<String>) -> Result<Page, Error> {
        self.work(move |root| root.list(&prefix, after.as_deref(), PAGE_OBJECTS)).await
    }

    /// Deletes an object; whether there was one.
    ///
    /// # Errors
    ///
    /// If the folder is granted for reading only.
    pub async fn delete(&self, name: ObjectName) -> Result<bool, Error> {
        self.check_writable()?;
        self.work(move |root| root.delete(&name)).await
    }

    /// Deletes all objects.
    ///
    /// # Errors
    ///
    /// If the folder is granted for reading only.
    pub async fn clear(&self) -> Result<(), Error> {
        loop {
            let page = self.list(String::new(), None).await?;
            for (name, _) in page.objects {
                self.delete(ObjectName::parse(name)?).await?;
            }
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Puts what the object `from` has under the name `to` of a folder, this or another.
    ///
    /// # Errors
    ///
    /// As [`Folder::get`] and [`Folder::put`].
    pub async fn copy(&self, from: ObjectName, folder: &Self, to: ObjectName) -> Result<(), Error> {
        let mut object = self.get(from, Range::default()).await?;
        let mut put = folder.put(to).await?;
        while let Some(chunk) = object.chunk().await? {
            put.write(chunk).await?;
        }
        put.finish().await.map(drop)
    }

    /// Gives the object `from` the name `to` in a folder, this or another.
    ///
    /// # Errors
    ///
    /// If there is no such object, or one of the folders is granted for reading only.
    pub async fn rename(&self, from: ObjectName, folder: &Self, to: ObjectName) -> Result<(), Error> {
        self.check_writable()?;
        if Arc::ptr_eq(&self.place, &folder.place) {
            return self.work(move |root| root.rename(&from, &to)).await;
        }
        self.copy(from.clone(), folder, to).await?;
        self.delete(from).await.map(drop)
    }

    /// When it was made, as far as the file system knows.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub async fn created(&self) -> Result<SystemTime, Error> {
        self.work(Root::created).await
    }

    fn check_writable(&self) -> Result<(), Error> {
        if self.config.writable { Ok(()) } else { Err(Error::ReadOnly) }
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Root) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        Ok(self.begin(move |root| work(root)).await?.0)
    }

    /// Does `work`; what comes of it has a permit.
    async fn begin<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Root>) -> Result<T, Error> + Send + 'static,
    ) -> Result<(T, OwnedSemaphorePermit), Error> {
        let permit = timeout(self.config.timeout, self.permits.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            return Err(Error::Unavailable(
                "too many operations of this handler are under way (limits.blob_calls)".to_owned(),
            ));
        };
        let place = self.place.clone();
        let work = move || Ok((work(&place.root()?)?, permit));
        self.jobs.start(self.config.timeout, work).await
    }
}
