//! The Python package that handlers import, as this program carries it: aiohttp's names over
//! the contract. It becomes a folder of a project, for the build and for editors.

use std::path::Path;

use anyhow::Result;

use crate::folder::write;
use crate::sdk::VERSION;

macro_rules! package {
    ($($file:literal,)*) => {
        /// Its files, with what they say.
        const FILES: &[(&str, &str)] = &[$(($file, include_str!(concat!("../../../../guest-handlers/python/", $file))),)*];
    };
}

package! {
    "README.md",
    "aiohttp/__init__.py",
    "aiohttp/abc.py",
    "aiohttp/client.py",
    "aiohttp/client_exceptions.py",
    "aiohttp/formdata.py",
    "aiohttp/hdrs.py",
    "aiohttp/helpers.py",
    "aiohttp/multipart.py",
    "aiohttp/py.typed",
    "aiohttp/streams.py",
    "aiohttp/typedefs.py",
    "aiohttp/web.py",
    "aiohttp/web_app.py",
    "aiohttp/web_exceptions.py",
    "aiohttp/web_fileresponse.py",
    "aiohttp/web_log.py",
    "aiohttp/web_middlewares.py",
    "aiohttp/web_request.py",
    "aiohttp/web_response.py",
    "aiohttp/web_routedef.py",
    "aiohttp/web_runner.py",
    "aiohttp/web_urldispatcher.py",
    "aiohttp_jinja2/__init__.py",
    "aiohttp_session/__init__.py",
    "multidict/__init__.py",
    "multidict/py.typed",
    "patchboard/__init__.py",
    "patchboard/_build/__init__.py",
    "patchboard/_build/blocking.py",
    "patchboard/_build/inspect.py",
    "patchboard/_runtime/__init__.py",
    "patchboard/_runtime/application.py",
    "patchboard/_runtime/calls.py",
    "patchboard/_runtime/export.py",
    "patchboard/_runtime/fields.py",
    "patchboard/_runtime/host.py",
    "patchboard/_runtime/load.py",
    "patchboard/_runtime/log.py",
    "patchboard/_runtime/loop.py",
    "patchboard/_runtime/outbound.py",
    "patchboard/_runtime/streams.py",
    "patchboard/_runtime/tasks.py",
    "patchboard/blob.py",
    "patchboard/config.py",
    "patchboard/key_value.py",
    "patchboard/py.typed",
    "patchboard/sql.py",
    "uvloop/__init__.py",
    "yarl/__init__.py",
    "yarl/py.typed",
}

/// The folder of the package in a project.
pub(crate) fn folder() -> String {
    format!(".patchboard/python-{VERSION}")
}

/// Writes it to `folder`, as far as it is not there.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn put(folder: &Path) -> Result<()> {
    for (file, text) in FILES {
        let place = folder.join(file);
        if std::fs::read_to_string(&place).ok().as_deref() != Some(text) {
            write(&place, text)?;
        }
    }
    Ok(())
}

/// All that it says, to tell whether it has changed.
pub(crate) fn text() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;

    #[test]
    fn every_file_is_carried() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-handlers/python");
        let (mut all, mut folders) = (BTreeSet::new(), vec![folder.clone()]);
        while let Some(next) = folders.pop() {
            for path in fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.extend((!path.ends_with("__pycache__")).then_some(path));
                } else {
                    all.insert(path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        assert_eq!(FILES.iter().map(|(file, _)| (*file).to_owned()).collect::<BTreeSet<_>>(), all);
    }
}
