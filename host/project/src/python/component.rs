//! From an application to a component: the toolchain is run, and the routes are added.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::application::Application;
use super::environment::Environment;
use crate::folder::write;
use crate::wit;

/// The section of a component with its routes.
const SECTION: &str = "patchboard:routes";
/// The module that the toolchain begins with.
const ENTRY: &str = "patchboard_entry";

/// What a component is made of.
pub(crate) struct Parts<'a> {
    pub(crate) environment: &'a Environment,
    /// The folder of the package.
    pub(crate) package: &'a Path,
    /// The application's file.
    pub(crate) file: &'a Path,
    /// The folder of what it needs of others.
    pub(crate) packages: Option<&'a Path>,
    /// A folder to make it in.
    pub(crate) work: &'a Path,
}

impl Parts<'_> {
    /// Makes the component of `application`.
    ///
    /// # Errors
    ///
    /// If the application runs outside of a component, but not inside.
    pub(crate) fn make(&self, application: &Application) -> Result<Vec<u8>> {
        let wit = self.work.join("wit");
        wit::put(&wit)?;
        write(&wit.join("world.wit"), &application.world())?;
        write(&self.work.join(format!("{ENTRY}.py")), &entry(self.file, &application.shape)?)?;
        let out = self.work.join("component.wasm");
        let mut toolchain = self.environment.componentize();
        toolchain.arg("--quiet").arg("-d").arg(&wit).args([
            "-w",
            "patchboard:python/handler",
            "componentize",
            ENTRY,
        ]);
        let folder = self.file.parent().unwrap_or(self.file);
        for path in [self.work, self.package, folder].into_iter().chain(self.packages) {
            toolchain.arg("-p").arg(path);
        }
        let output = toolchain.arg("-o").arg(&out).output().context(
            "cannot run componentize-py; remove the folder .patchboard/venv, and `patchboard build` makes it anew",
        )?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned()
                + &String::from_utf8_lossy(&output.stdout);
            bail!("{} runs, but not inside a component:\n{}", self.file.display(), told(&said));
        }
        let mut component = fs::read(&out).with_context(|| format!("cannot read {}", out.display()))?;
        fs::remove_file(&out).ok();
        add_section(&mut component, SECTION, application.section().as_bytes())?;
        Ok(component)
    }
}

/// The module that the toolchain begins with. Inside, the folders have other names.
fn entry(file: &Path, shape: &[String]) -> Result<String> {
    let name = file.file_name().map(PathBuf::from).context("a file has a name")?;
    let [name, routes] = [serde_json::to_string(&name)?, serde_json::to_string(shape)?];
    Ok(format!(
        "import os, sys\nsys.dont_write_bytecode = True\nfrom patchboard._runtime.load import handler\nNAME = {name}\nHandler = handler(next(f\"{{folder}}/{{NAME}}\" \
         for folder in sys.path if os.path.exists(f\"{{folder}}/{{NAME}}\")), {routes})\n"
    ))
}

/// What the toolchain says of an error, in terms of the author's files.
fn told(said: &str) -> String {
    let said =
        said.split("\nCaused by:").next().unwrap_or(said).split("\nStack backtrace:").next().unwrap_or(said);
    // Around it is the traceback of the toolchain's own program.
    let said = said.rsplit("AssertionError: ").next().unwrap_or(said);
    let mut lines: Vec<_> = said.trim().lines().collect();
    // What stands between the entry and the author's first line.
    let is_ours = |line: &str| {
        [ENTRY, "/patchboard/_runtime/", "/aiohttp/", "<frozen "].iter().any(|ours| line.contains(ours))
    };
    let mut kept = Vec::new();
    let mut skips = false;
    for line in lines.drain(..) {
        if line.trim_start().starts_with("File \"") {
            skips = is_ours(line);
        } else if !line.starts_with("    ") {
            skips = false;
        }
        if !skips {
            kept.push(line);
        }
    }
    kept.join("\n")
}

/// Adds a custom section at the end of a component (the binary format, section 0).
fn add_section(component: &mut Vec<u8>, name: &str, content: &[u8]) -> Result<()> {
    let mut section = Vec::new();
    push_leb(&mut section, name.len())?;
    section.extend(name.as_bytes());
    section.extend(content);
    component.push(0);
    push_leb(component, section.len())?;
    component.append(&mut section);
    Ok(())
}

fn push_leb(to: &mut Vec<u8>, number: usize) -> Result<()> {
    let mut number = u32::try_from(number).context("a section is smaller than 4 GiB")?;
    loop {
        let [low, ..] = (number & 0x7f).to_le_bytes();
        number >>= 7;
        to.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_added() {
        let mut component = b"\0asm".to_vec();
        add_section(&mut component, "ab", &[b'x'; 200]).unwrap();
        assert_eq!(&component[..9], b"\0asm\0\xcb\x01\x02a");
        assert_eq!(component.len(), 4 + 1 + 2 + 203);
    }

    #[test]
    fn errors_are_told_of_the_authors_files() {
        let said = "AssertionError: Traceback (most recent call last):\n  File \"/0/patchboard_entry.py\", line 4, in <module>\n    \
                    Handler = handler(x)\n  File \"/1/patchboard/_runtime/load.py\", line 80, in handler\n    app = run(path)\n  File \
                    \"/2/server.py\", line 3, in <module>\n    import ssl\nModuleNotFoundError: No module named 'ssl'\n\n\nCaused by:\n    x";
        assert_eq!(
            told(said),
            "Traceback (most recent call last):\n  File \"/2/server.py\", line 3, in <module>\n    import ssl\nModuleNotFoundError: No \
             module named 'ssl'"
        );
    }
}
