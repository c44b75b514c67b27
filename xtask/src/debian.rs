//! A toolchain for guests out of Debian's packages, for machines that cannot
//! download the target `wasm32-wasip2`.
//!
//! Debian has a recent rustc with the sources of its library (`rustc-web`), and
//! WASI's libc; rustup's own toolchain has the linkers. Together they compile
//! std for the target, once, into a cache folder outside the repository; nothing
//! is installed and root is not needed. DESIGN, "Building guests", has the
//! reasoning. The folder is made beside its place and renamed when it is whole.

use std::env;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::apt::Apt;
use crate::command::{self, say};
use crate::compiler::{self, HostCompiler, TARGET, field};

/// The linkers that guests need and Debian does not have.
const LINKERS: [&str; 3] = ["rust-lld", "wasm-component-ld", "gcc-ld/wasm-ld"];

/// What a guest is linked with, apart from std.
const LIBC: [&str; 3] = ["crt1-command.o", "crt1-reactor.o", "libc.a"];

/// Runs Debian's compiler where it lies; it finds its sysroot by itself.
const WRAPPER: &str = r#"#!/bin/sh
# Made by `cargo xtask guests`: Debian's rustc, run from this folder.
here=${0%/*}
LD_LIBRARY_PATH="$here/usr/lib/@multiarch@:$here/lib/@multiarch@${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH
exec "$here/usr/bin/rustc" "$@"
"#;

/// Where the toolchain is, or will be.
pub(crate) struct Place {
    folder: PathBuf,
    name: String,
}

impl Place {
    /// The place for the guests of a host that `compiler` builds. It depends on
    /// nothing that apt would have to be asked for.
    pub(crate) fn for_compiler(compiler: &HostCompiler) -> Result<Self> {
        let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let name = format!("{}-{}", system_name(&system), compiler.release);
        Ok(Self { folder: cache_folder()?.join("guest-toolchain"), name })
    }

    /// The folder of the toolchain.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// The compiler, if the toolchain is there.
    pub(crate) fn ready(&self, compiler: &HostCompiler) -> Result<Option<PathBuf>> {
        let rustc = self.path().join("rustc");
        if !rustc.is_file() {
            return Ok(None);
        }
        // rustup's toolchain may have moved since; the link has to follow it.
        let (linkers, link) = (linkers(compiler)?, linkers_link(&self.path(), compiler));
        if fs::read_link(&link).ok().as_ref() != Some(&linkers) {
            let beside = link.with_extension("tmp");
            let _ = fs::remove_file(&beside);
            symlink(&linkers, &beside)
                .and_then(|()| fs::rename(&beside, &link))
                .with_context(|| format!("could not link {}", link.display()))?;
        }
        Ok(Some(rustc))
    }

    /// Makes the toolchain and returns its compiler.
    pub(crate) fn build(&self, compiler: &HostCompiler) -> Result<PathBuf> {
        for program in ["apt-get", "apt-cache", "dpkg-deb", "dpkg-query", "tar"] {
            ensure!(
                command::exists(program),
                "it could be made from Debian's packages, but there is no {program} here"
            );
        }
        linkers(compiler)?;
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("could not create {}", self.folder.display()))?;
        let _lock = self.lock()?;
        if let Some(rustc) = self.ready(compiler)? {
            return Ok(rustc);
        }
        let started = Instant::now();
        say(format!(
            "making a toolchain for guests from Debian's packages, once, in {} (needs 0.6 GB \
             and a few minutes; delete it whenever you like)",
            self.path().display()
        ));
        self.clear_abandoned();
        // By its own name, since the children of a killed run may still write.
        let temp = self.folder.join(format!("{}{}", self.temp_prefix(), std::process::id()));
        clear(&temp)?;
        if let Err(error) = make(&temp, compiler) {
            let _ = clear(&temp);
            return Err(error);
        }
        clear(&self.path())?;
        fs::rename(&temp, self.path()).with_context(|| format!("could not rename {}", temp.display()))?;
        say(format!("the toolchain for guests is ready, after {} s", started.elapsed().as_secs()));
        self.ready(compiler)?.context("the toolchain for guests has no rustc")
    }

    fn temp_prefix(&self) -> String {
        format!(".{}.tmp-", self.name)
    }

    /// Removes what killed runs left, as far as possible; none is under way
    /// while the lock is held.
    fn clear_abandoned(&self) {
        let prefix = self.temp_prefix();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                let _ = clear(&entry.path());
            }
        }
    }

    /// Keeps a second xtask out until the file is closed.
    fn lock(&self) -> Result<File> {
        let path = self.folder.join(".lock");
        let lock = File::create(&path).with_context(|| format!("could not create {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => {
                say(format!("waiting for another xtask, which holds {}", path.display()));
            }
            Err(TryLockError::Error(error)) => return Err(error).context("could not lock"),
        }
        lock.lock().with_context(|| format!("could not lock {}", path.display()))?;
        Ok(lock)
    }
}

/// Makes the toolchain in the empty place `sysroot`.
fn make(sysroot: &Path, compiler: &HostCompiler) -> Result<()> {
    let work = sysroot.join("work");
    let debs = work.join("debs");
    fs::create_dir_all(&debs).with_context(|| format!("could not create {}", debs.display()))?;

    say("step 1 of 5: downloading rustc, the sources of its library, LLVM and WASI's libc");
    if let Err(error) = download(&Apt::system(), compiler, &debs) {
        say(format!("the package lists of this machine do not do: {error:#}"));
        say("downloading fresh ones, for this purpose only");
        clear(&debs)?;
        fs::create_dir_all(&debs)?;
        download(&Apt::private(&work.join("apt"))?, compiler, &debs)?;
    }

    say("step 2 of 5: unpacking them, of the sources only the library");
    unpack(&debs, sysroot)?;

    say("step 3 of 5: wrapping Debian's rustc and linking rustup's linkers to it");
    let rustc = sysroot.join("rustc");
    fs::write(&rustc, WRAPPER.replace("@multiarch@", &multiarch(sysroot)?))?;
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755))?;
    let link = linkers_link(sysroot, compiler);
    symlink(linkers(compiler)?, &link).with_context(|| format!("could not link {}", link.display()))?;
    let version =
        command::output(Command::new(&rustc).arg("-vV")).context("the unpacked rustc does not run here")?;

    say(format!("step 4 of 5: compiling std for {TARGET}, for a minute or two"));
    let built = compile_std(&work.join("std"), &rustc, &version)?;

    say("step 5 of 5: installing std and libc into the toolchain");
    install(&built, sysroot)?;
    clear(&work)
}

/// Downloads the packages, after a look at whether they are any good.
fn download(apt: &Apt, compiler: &HostCompiler, folder: &Path) -> Result<()> {
    let version = apt.candidate("rustc-web")?.context("apt knows no package rustc-web")?;
    ensure!(
        major_minor(&version) >= major_minor(&compiler.release),
        "the rustc-web that apt knows, {version}, is older than rustc {}; is Debian's security \
         archive among its sources?",
        compiler.release
    );
    let driver = apt
        .depends("libstd-rust-web-dev")?
        .into_iter()
        .find(|name| name.starts_with("libstd-rust-web-"))
        .context("the package libstd-rust-web-dev names no libstd-rust-web-VERSION")?;
    let mut packages = apt.missing(&driver)?;
    packages.retain(|name| *name != driver);
    for name in ["rustc-web", "rust-web-src", "libstd-rust-web-dev", &driver] {
        packages.push(format!("{name}={version}"));
    }
    packages.push("wasi-libc".to_owned());
    apt.download(&packages, folder)
}

fn unpack(debs: &Path, sysroot: &Path) -> Result<()> {
    for entry in fs::read_dir(debs)? {
        let deb = entry?.path();
        let name = deb.file_name().unwrap_or_default().to_string_lossy();
        let unpacked = if name.starts_with("rust-web-src_") {
            unpack_library(&deb, sysroot)
        } else {
            command::run_aside(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(sysroot))
        };
        unpacked.with_context(|| format!("could not unpack {}", deb.display()))?;
    }
    Ok(())
}

/// Unpacks `library/` alone: the sources of the compiler are ten times as large.
fn unpack_library(deb: &Path, sysroot: &Path) -> Result<()> {
    let mut archive = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(deb)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let content = archive.stdout.take().context("dpkg-deb has no output")?;
    let extracted = Command::new("tar")
        .args(["-x", "--no-same-owner", "--wildcards", "--no-wildcards-match-slash", "-C"])
        .arg(sysroot)
        .args(["./usr/lib/rustlib", "./usr/src/rustc-*/library"])
        .stdin(content)
        .stdout(io::stderr())
        .status()?;
    ensure!(archive.wait()?.success() && extracted.success(), "dpkg-deb or tar failed");
    Ok(())
}

/// Compiles std by way of an empty library, so that nothing has to be linked,
/// and returns the folder of its parts.
fn compile_std(folder: &Path, rustc: &Path, version: &str) -> Result<PathBuf> {
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    fs::write(
        folder.join("Cargo.toml"),
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n",
    )?;
    // The folder is about to be renamed; what std says of its sources, in the
    // messages of panics, should neither be wrong then nor differ by machine.
    let sources = rustc.with_file_name("usr").join("lib/rustlib/src/rust");
    let commit = field(version, "commit-hash").unwrap_or("unknown");
    let remap = format!("--remap-path-prefix={}=/rustc/{commit}", sources.display());
    let mut cargo = command::cargo(folder);
    compiler::build_guests(&mut cargo, Some(rustc));
    cargo
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", remap)
        .args(["build", "--release", "-Zbuild-std=std,panic_abort", "--target", TARGET])
        .arg("--target-dir")
        .arg(folder.join("target"));
    command::run_aside(&mut cargo).with_context(|| {
        format!("could not compile std for {TARGET}; its parts come from crates.io, can it be reached?")
    })?;
    Ok(folder.join("target").join(TARGET).join("release/deps"))
}

/// Puts std and libc to where rustc looks for them.
fn install(built: &Path, sysroot: &Path) -> Result<()> {
    let library = sysroot.join("usr/lib/rustlib").join(TARGET).join("lib");
    let libc = library.join("self-contained");
    fs::create_dir_all(&libc)?;
    let mut has_std = false;
    for entry in fs::read_dir(built)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if !name.ends_with(".rlib") || name.starts_with("libempty-") {
            continue;
        }
        has_std |= name.starts_with("libstd-");
        fs::copy(&path, library.join(name))?;
    }
    ensure!(has_std, "cargo left no libstd in {}", built.display());
    for name in LIBC {
        let from = sysroot.join("usr/lib/wasm32-wasi").join(name);
        fs::copy(&from, libc.join(name))
            .with_context(|| format!("the package wasi-libc has no {}", from.display()))?;
    }
    Ok(())
}

/// Debian's name for this architecture, as the compiler's own library has it.
fn multiarch(sysroot: &Path) -> Result<String> {
    for entry in fs::read_dir(sysroot.join("usr/lib"))? {
        let folder = entry?;
        let is_driver =
            |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("librustc_driver-");
        if folder.path().is_dir() && fs::read_dir(folder.path())?.flatten().any(|entry| is_driver(&entry)) {
            return Ok(folder.file_name().to_string_lossy().into_owned());
        }
    }
    bail!("the packages brought no librustc_driver under usr/lib")
}

/// The folder of rustup's linkers. They find LLVM relative to themselves, so
/// that the folder must be linked and not copied.
fn linkers(compiler: &HostCompiler) -> Result<PathBuf> {
    let folder = compiler.sysroot.join("lib/rustlib").join(&compiler.host).join("bin");
    for name in LINKERS {
        ensure!(
            folder.join(name).is_file(),
            "{} is missing; is this rustc one of rustup's?",
            folder.join(name).display()
        );
    }
    Ok(folder)
}

fn linkers_link(sysroot: &Path, compiler: &HostCompiler) -> PathBuf {
    sysroot.join("usr/lib/rustlib").join(&compiler.host).join("bin")
}

fn cache_folder() -> Result<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = variable("PATCHBOARD_CACHE")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("patchboard")))
        .or_else(|| Some(variable("HOME")?.join(".cache/patchboard")))
        .context("there is no place for a cache; set PATCHBOARD_CACHE to a folder")?;
    std::path::absolute(&folder).with_context(|| format!("no such path: {}", folder.display()))
}

fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// `debian-12` out of `/etc/os-release`.
fn system_name(os_release: &str) -> String {
    let value = |key: &str| {
        let value = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        let value = value.trim_matches('"');
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        (!value.is_empty() && value.chars().all(plain)).then_some(value)
    };
    match (value("ID"), value("VERSION_ID").or_else(|| value("VERSION_CODENAME"))) {
        (Some(id), Some(version)) => format!("{id}-{version}"),
        (Some(id), None) => id.to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// `(1, 96)` out of `1.96.0+dfsg1-1~deb12u2`, also after an epoch.
fn major_minor(version: &str) -> Option<(u32, u32)> {
    let version = version.split_once(':').map_or(version, |(_, version)| version);
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_names() {
        for (os_release, expected) in [
            ("PRETTY_NAME=\"Debian GNU/Linux 12\"\nVERSION_ID=\"12\"\nID=debian\n", "debian-12"),
            ("ID=ubuntu\nVERSION_ID=\"24.04\"\n", "ubuntu-24.04"),
            ("ID=debian\nVERSION_CODENAME=sid\n", "debian-sid"),
            ("ID=arch\n", "arch"),
            ("ID=../x\nVERSION_ID=\"12\"\n", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(system_name(os_release), expected, "{os_release:?}");
        }
    }

    #[test]
    fn versions_compare_by_major_and_minor() {
        for (version, expected) in [
            ("1.96.0+dfsg1-1~deb12u2", Some((1, 96))),
            ("1:22.1.8-1~deb12u1", Some((22, 1))),
            ("1.95.0", Some((1, 95))),
            ("1.95.0-nightly", Some((1, 95))),
            ("unstable", None),
            ("1", None),
        ] {
            assert_eq!(major_minor(version), expected, "{version:?}");
        }
        assert!(major_minor("1.100.0") > major_minor("1.96.0"));
    }
}
