//! What is said of a representation in the head, however much of it is sent. Memory
//! keeps it beside the bytes.

use http::HeaderValue;

use super::conditional::Validators;
use crate::coding::Coding;

/// What is said of a representation in the head.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) validators: Validators,
    pub(super) media_type: HeaderValue,
    pub(super) cache_control: Option<HeaderValue>,
    pub(super) coding: Option<Coding>,
    /// Whether another request may get another coding.
    pub(super) varies: bool,
}
