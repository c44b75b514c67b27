//! `patchboard dev`: what is served to who develops it.
//!
//! In: changes of sources, requests and their answers. Here: the handlers are built anew
//! ([`Developer`], a thread of its own) and put where the server takes them up, as ever
//! ([`crate::follow`]); browsers are shown what a compiler says, and what a trap was
//! ([`Desk`], which [`crate::dispatch`] asks); pages are told to reload; the last requests are kept,
//! and run again. Without a desk, as in `patchboard serve`, nothing of this is there.

mod answer;
mod ask;
mod compare;
mod csp;
mod desk;
mod developer;
mod events;
mod failed;
mod inject;
mod keep;
mod navigation;
mod pages;
mod panic;
mod replay;
mod sources;
mod tee;
mod trace;

pub use self::ask::{Answered, Ask};
pub use self::desk::{Desk, Options};
pub use self::developer::{Developer, Ending, Place};
