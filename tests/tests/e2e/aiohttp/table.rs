//! `tests/aiohttp/static.json`: what is served, how, what is asked, and where ours
//! answers otherwise than aiohttp.
//!
//! A request is `METHOD TARGET | Field: value | …`, sent as it stands but for
//! placeholders: `{etag}` and `{last-modified}` are what the server itself says of the
//! file, `{version}` is what it appends to the file's URL.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An aspect as aiohttp has it, and ours; `None` where it is absent.
pub(crate) type Pair = (Option<String>, Option<String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// Why ours is otherwise.
    pub(crate) reasons: BTreeMap<String, String>,
    pub(crate) tree: Tree,
    pub(crate) mounts: Vec<Mount>,
    /// Differences wherever they occur.
    pub(crate) everywhere: Vec<Everywhere>,
    pub(crate) groups: Vec<Group>,
}

/// Files by their paths in the folder that is mounted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tree {
    /// Files whose content is their path, and the end of a line.
    pub(crate) files: Vec<String>,
    /// Other files, by their size.
    pub(crate) sizes: BTreeMap<String, usize>,
    /// Folders that are empty.
    pub(crate) folders: Vec<String>,
    /// Files beside the folder, which must never be served.
    pub(crate) outside: Vec<String>,
    /// Symbolic links and what they say.
    pub(crate) links: BTreeMap<String, String>,
    /// What is there but no file.
    pub(crate) sockets: Vec<String>,
    /// Files that were not modified at the usual time, in seconds since 1970.
    pub(crate) modified: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mount {
    pub(crate) prefix: String,
    /// Below the tree's root.
    pub(crate) dir: String,
    /// Arguments of `add_static`, for the Python program.
    #[serde(rename = "aiohttp")]
    _aiohttp: serde_json::Value,
    /// Further lines of `[[static]]`.
    pub(crate) ours: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Everywhere {
    /// The aspect.
    pub(crate) of: String,
    pub(crate) aiohttp: Option<String>,
    pub(crate) ours: Option<String>,
    pub(crate) why: String,
    /// With this Python, or a later one, there is no difference.
    pub(crate) until_python: Option<(u32, u32)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) requests: Vec<Request>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Request {
    Same(String),
    Differs(Differs),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Differs {
    pub(crate) request: String,
    pub(crate) differs: BTreeMap<String, Pair>,
    pub(crate) why: String,
}

impl Request {
    pub(crate) fn text(&self) -> &str {
        let (Self::Same(request) | Self::Differs(Differs { request, .. })) = self;
        request
    }
}
