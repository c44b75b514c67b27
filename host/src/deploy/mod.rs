//! One way to make a server, for a start, a check and a reload.
//!
//! [`start`], [`check`] and [`Running::prepare`] find everything that is wrong with what is
//! to be served and change nothing: the configuration, files and folders, components and
//! their routes, addresses, what handlers are granted (databases with their migrations, say),
//! the limits of this machine. Out comes all that is wrong, or something whose `commit` opens what has
//! yet to be opened, and then puts everything in its place at once.

mod beside;
mod check;
mod commit;
mod files;
mod folder;
mod loads;
mod prepare;
mod refused;
mod running;
mod secure;
mod stage;
mod start;
mod update;

pub use self::check::{Checked, check, component, routes};
pub use self::files::{FileStamp, SETTLE};
pub use self::loads::{Loads, read as read_component};
pub use self::refused::Refused;
pub use self::running::{Prepared, Running};
pub use self::stage::{Fresh, Stage, stage};
pub use self::start::{Beginning, Start, Started, start};
pub use self::update::{Change, Update, log_loaded};
