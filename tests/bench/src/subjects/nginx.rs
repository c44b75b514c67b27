//! nginx, once with `sendfile` off, as its own default is, and once with it on, as
//! Debian configures it.

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result};

use super::{Running, Setting, Subject, WORKERS, command, free_address};
use crate::tool::{Need, Package};

pub(crate) const NGINX: Package = Package { name: "nginx", program: "nginx" };

/// Reads a file into a buffer and writes that, as Patchboard does.
pub(crate) const SENDFILE_OFF: Subject = Subject {
    name: "nginx-sendfile-off",
    needs: &[Need::Package(NGINX)],
    start: |setting| start(setting, "off"),
};

/// Lets the kernel send a file, without a copy through the process.
pub(crate) const SENDFILE_ON: Subject = Subject {
    name: "nginx-sendfile-on",
    needs: &[Need::Package(NGINX)],
    start: |setting| start(setting, "on"),
};

const TEMPLATE: &str = include_str!("nginx.conf");

fn start(setting: &Setting<'_>, sendfile: &str) -> Result<Running> {
    let address = free_address()?;
    let config = TEMPLATE
        .replace("{workers}", &WORKERS.to_string())
        .replace("{access_log}", setting.access_log.choose("/dev/null", "off"))
        .replace("{sendfile}", sendfile)
        .replace("{address}", &address.to_string())
        .replace("{site}", &setting.site.to_string_lossy());
    let file = setting.folder.join("nginx.conf");
    fs::write(&file, config).with_context(|| format!("could not write {}", file.display()))?;
    let mut command = command(&NGINX.path()?);
    // The file for what happens before the configuration is read: with the default
    // one, which belongs to root, nginx warns of it.
    command.arg("-p").arg(&setting.folder).arg("-c").arg(file).args(["-e", "stderr"]);
    if rustix::process::geteuid().is_root() {
        // Workers that root starts become another user, who may not read the site.
        command.args(["-g", "user root;"]);
    }
    Running::start(command.stdout(Stdio::null()), address)
}
