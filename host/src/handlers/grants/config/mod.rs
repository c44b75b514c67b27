//! `wasi:config`: the values that the operator has given a handler.

pub(super) mod host;
