//! Ours and aiohttp, asked the same: the UrlDispatcher for several hundred routes and
//! paths, its static resource for several hundred files and header fields.
//!
//! aiohttp is the one that `tests/aiohttp/requirements.txt` pins, and runs. What it
//! does is no standard, but it is well known, and each difference from it should be
//! one that somebody meant: the tables list them all, with their reasons.

mod answer;
mod application;
mod side;
mod static_resource;
mod table;
mod tree;
mod url_dispatcher;
