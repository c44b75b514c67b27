//! What a folder holds, and how much it may.
//!
//! Counted when the folder is opened, and with each change from then on. What is being
//! written counts as it is written, before it is on the disk, so that puts at the same
//! time do not exceed together what each of them keeps to.

use crate::Error;

/// What a folder and an object may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// An object, in bytes.
    pub object_bytes: u64,
    /// All objects of the folder, in bytes.
    pub folder_bytes: u64,
    /// Objects of the folder.
    pub folder_objects: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { object_bytes: 64 << 20, folder_bytes: 1 << 30, folder_objects: 100_000 }
    }
}

/// What is in a folder, and what is about to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) bytes: u64,
    pub(crate) objects: u64,
}

impl Usage {
    /// Counts one more object, empty so far.
    pub(crate) fn add_object(&mut self, limits: &Limits) -> Result<(), Error> {
        let most = limits.folder_objects;
        if self.objects >= most {
            return Err(Error::TooLarge(format!("the folder has {most} objects already (folder_objects)")));
        }
        self.objects += 1;
        Ok(())
    }

    /// Counts `bytes` more of an object that has `size`.
    pub(crate) fn add_bytes(&mut self, size: u64, bytes: u64, limits: &Limits) -> Result<(), Error> {
        let too_large = |what: &str, most: u64, key: &str| {
            Err(Error::TooLarge(format!("{what} would have more than {most} bytes ({key})")))
        };
        if size.saturating_add(bytes) > limits.object_bytes {
            return too_large("the object", limits.object_bytes, "object_bytes");
        }
        match self.bytes.checked_add(bytes).filter(|&sum| sum <= limits.folder_bytes) {
            Some(sum) => self.bytes = sum,
            None => return too_large("the folder", limits.folder_bytes, "folder_bytes"),
        }
        Ok(())
    }

    /// No longer counts an object of `size`.
    pub(crate) fn remove(&mut self, size: u64) {
        // Others may have changed the folder meanwhile.
        self.bytes = self.bytes.saturating_sub(size);
        self.objects = self.objects.saturating_sub(1);
    }
}
