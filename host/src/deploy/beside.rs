//! The server of the same configuration that runs beside a check, and what it holds.
//!
//! What it holds keeps the check from nothing: a reload does not ask for it again. The
//! kernel says who holds what (`/proc`): that cannot be stale, as a file with a process id
//! can, and asks nothing of the server, which any other could answer as well. Only its own
//! user and root may look; for others the address or file is in use.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::config::Source;
use crate::writable::folder_of;

/// The state of a socket that listens, in `/proc/net/tcp`.
const LISTENS: &str = "0A";

/// The folders in `/proc` of the servers of a configuration.
pub(super) struct Beside(Vec<PathBuf>);

impl Beside {
    /// Those of the configuration that `source` names.
    pub(super) fn of(source: &Source) -> Self {
        let found = || {
            let (program, own) = (program(Path::new("/proc/self"))?, std::process::id().to_string());
            let configuration = canonical(Path::new(""), source.path())?;
            let processes = fs::read_dir("/proc")?.filter_map(Result::ok).filter(|process| {
                let name = process.file_name();
                name.as_bytes().iter().all(u8::is_ascii_digit) && *name != *own
            });
            let serves = |process: &PathBuf| {
                self::program(process).is_ok_and(|other| other == program)
                    && served(process).is_ok_and(|served| served == configuration)
            };
            Ok::<_, io::Error>(processes.map(|process| process.path()).filter(serves).collect())
        };
        Self(found().unwrap_or_default())
    }

    /// Whether one listens where `address` would, or is given its sockets by a supervisor.
    pub(super) fn holds_address(&self, address: SocketAddr) -> bool {
        let sockets = listening(address).unwrap_or_default();
        let is_activated = |process: &PathBuf| variable(process, "LISTEN_FDS").is_some();
        self.0.iter().any(is_activated) || self.any_open(|open| sockets.iter().any(|socket| open == socket))
    }

    /// Whether one has the file at `path` open.
    pub(super) fn holds_file(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|path| self.any_open(|open| open == path))
    }

    fn any_open(&self, is_it: impl Fn(&Path) -> bool) -> bool {
        let all = self.0.iter().filter_map(|process| fs::read_dir(process.join("fd")).ok()).flatten();
        all.filter_map(Result::ok).filter_map(|file| fs::read_link(file.path()).ok()).any(|open| is_it(&open))
    }
}

/// The name of the program that a process runs, also where the file has been replaced.
fn program(process: &Path) -> io::Result<String> {
    let path = fs::read_link(process.join("exe"))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(name.strip_suffix(" (deleted)").map(str::to_owned).unwrap_or(name))
}

/// The configuration that a process serves, found as its command line would be read.
fn served(process: &Path) -> io::Result<PathBuf> {
    let line = fs::read(process.join("cmdline"))?;
    let arguments: Vec<&[u8]> = line.split(|&byte| byte == 0).collect();
    if !arguments.contains(&b"serve".as_slice()) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let given = arguments.iter().enumerate().find_map(|(index, argument)| {
        match argument.strip_prefix(b"--config".as_slice())? {
            b"" => arguments.get(index + 1).copied(),
            value => value.strip_prefix(b"="),
        }
    });
    let path = given.map(|path| PathBuf::from(OsStr::from_bytes(path)));
    let path = path.or_else(|| variable(process, "PATCHBOARD_CONFIG").map(PathBuf::from));
    let path = path.unwrap_or_else(|| Source::default().path().to_owned());
    canonical(&fs::read_link(process.join("cwd"))?, &path)
}

/// By its folder: what a deploy puts in the place of the file, or links it to, is the same.
fn canonical(folder: &Path, file: &Path) -> io::Result<PathBuf> {
    let path = folder.join(file);
    Ok(folder_of(&path).canonicalize()?.join(path.file_name().unwrap_or_default()))
}

fn variable(process: &Path, name: &str) -> Option<String> {
    let all = fs::read(process.join("environ")).ok()?;
    let prefix = format!("{name}=");
    let value = all.split(|&byte| byte == 0).find_map(|variable| variable.strip_prefix(prefix.as_bytes()))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// The sockets that keep `address` from being bound, as links to them read.
fn listening(address: SocketAddr) -> io::Result<Vec<PathBuf>> {
    let table = if address.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let clashes = |ip: IpAddr| ip == address.ip() || ip.is_unspecified() || address.ip().is_unspecified();
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (ip, port) = fields.get(1)?.split_once(':')?;
        let clashes = u16::from_str_radix(port, 16).ok()? == address.port() && clashes(parse(ip)?);
        let inode = fields.get(9).filter(|_| clashes && fields.get(3) == Some(&LISTENS))?;
        Some(PathBuf::from(format!("socket:[{inode}]")))
    };
    Ok(fs::read_to_string(table)?.lines().filter_map(socket).collect())
}

/// An address as the kernel writes it: words of 32 bits in the machine's order.
fn parse(text: &str) -> Option<IpAddr> {
    let word = |index: usize| {
        let word = u32::from_str_radix(text.get(8 * index..8 * index + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn of_this_process() -> Beside {
        Beside(vec![PathBuf::from("/proc/self")])
    }

    #[test]
    fn a_listening_socket_is_found_where_it_keeps_another_out() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let port = address.port();
        let beside = of_this_process();
        assert!(beside.holds_address(address));
        assert!(beside.holds_address(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))));
        assert!(!beside.holds_address(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), port))));
        assert!(!Beside(Vec::new()).holds_address(address));
        drop(socket);
        assert!(!beside.holds_address(address));
    }

    #[test]
    fn an_open_file_is_found() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(of_this_process().holds_file(file.path()));
        let path = file.path().to_owned();
        drop(file);
        assert!(!of_this_process().holds_file(&path));
    }

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        assert_eq!(
            parse(&format!("{:08X}", u32::from_ne_bytes([127, 0, 0, 1]))),
            Some(Ipv4Addr::LOCALHOST.into())
        );
        assert_eq!(parse(&"0".repeat(32)), Some(Ipv6Addr::UNSPECIFIED.into()));
        assert_eq!(parse("0"), None);
    }
}
