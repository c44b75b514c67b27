//! The programs that the tests have Patchboard work with: Redis, PostgreSQL, a proxy,
//! curl, h2load and a browser, from Debian's packages where they are missing.
//!
//! Only the programs are needed: each test starts a server of its own, in a folder of
//! its own. A service that a package has started is left alone.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::command;
use crate::install::Need;

const REDIS: Need =
    Need { what: "Redis, `redis-server`, for the tests of key-value stores", packages: &["redis-server"] };
const POSTGRES: Need = Need {
    what: "PostgreSQL, `postgres` and `initdb`, for the tests of databases",
    packages: &["postgresql"],
};

const NGINX: Need = Need { what: "nginx, for the tests behind a proxy", packages: &["nginx-light"] };
const HAPROXY: Need = Need { what: "HAProxy, for the tests behind a proxy", packages: &["haproxy"] };
const CURL: Need = Need { what: "curl, for the lines of the documentation", packages: &["curl"] };
const HTTP2: Need = Need { what: "`h2load`, for the tests of HTTP/2", packages: &["nghttp2-client"] };
const BROWSER: Need = Need {
    what: "Chromium and its driver, `chromedriver`, for the tests of pages",
    packages: &["chromium", "chromium-driver"],
};

/// Where Debian puts each major version of PostgreSQL; not in PATH.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";

/// Fails by name where a program is missing and cannot be installed.
pub(crate) fn for_tests() -> Result<()> {
    REDIS.or_install(|| command::exists("redis-server").then_some(()))?;
    POSTGRES.or_install(postgres)?;
    NGINX.or_install(|| command::exists("nginx").then_some(()))?;
    HAPROXY.or_install(|| command::exists("haproxy").then_some(()))?;
    CURL.or_install(|| command::exists("curl").then_some(()))?;
    HTTP2.or_install(|| command::exists("h2load").then_some(()))?;
    let browser = || command::exists("chromedriver") && command::exists("chromium");
    BROWSER.or_install(|| browser().then_some(()))
}

/// The folder of PostgreSQL's programs; none where they are in PATH.
fn postgres() -> Option<Option<PathBuf>> {
    if command::exists("postgres") && command::exists("initdb") {
        return Some(None);
    }
    in_versions(Path::new(POSTGRES_VERSIONS)).map(Some)
}

fn in_versions(versions: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(versions).ok()?.filter_map(Result::ok);
    versions
        .map(|version| version.path().join("bin"))
        .find(|folder| ["postgres", "initdb"].iter().all(|program| folder.join(program).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_postgres_is_one_with_both_programs() -> Result<()> {
        let versions = std::env::temp_dir().join(format!("xtask-postgres-{}", std::process::id()));
        assert_eq!(in_versions(&versions), None);
        for (version, programs) in [("14", &["postgres"][..]), ("15", &["postgres", "initdb"])] {
            let bin = versions.join(version).join("bin");
            fs::create_dir_all(&bin)?;
            programs.iter().try_for_each(|program| fs::write(bin.join(program), ""))?;
        }
        assert_eq!(in_versions(&versions), Some(versions.join("15/bin")));
        fs::remove_dir_all(&versions)?;
        Ok(())
    }
}
