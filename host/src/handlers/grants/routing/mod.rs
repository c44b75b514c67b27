//! `patchboard:handler/routing`: the matched route, and URLs by name.

pub(super) mod host;
