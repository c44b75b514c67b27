//! What a run came to, for people and for programs.

mod html;
mod live;
mod model;
mod number;
mod plot;
mod table;
mod text;

pub(crate) use self::html::write as write_html;
pub(crate) use self::live::{Listing, Live};
pub(crate) use self::model::{Report, RoundRow, SliceRow};
pub(crate) use self::number::{digits, time};
pub(crate) use self::table::aligned;
pub(crate) use self::text::{staircase_line, summary};
