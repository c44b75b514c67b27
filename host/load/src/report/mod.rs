//! What a run came to, for people and for programs.

mod model;
mod number;
mod table;
mod text;

pub(crate) use self::model::Report;
pub(crate) use self::text::summary;
