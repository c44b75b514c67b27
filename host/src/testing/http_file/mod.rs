//! `.http` files, as the clients of VS Code and of JetBrains know them, with what is expected
//! of the answers in comments that those leave alone. Pure.
//!
//! In: the text of a file. Out: its tests, or all that is wrong with it, each with its line and
//! what to write instead.

mod block;
mod directive;
mod expect;
mod json_path;
mod model;
mod parse;
mod request;
mod text;

pub(super) use self::expect::{Check, Expect, Subject};
pub(super) use self::model::{Answer, Content, HttpFile, Setup, Step, Take, TakenFrom, Test};
pub(super) use self::parse::parse;
pub(super) use self::text::{Text, Variables};
