//! Ill-behaved routes.
