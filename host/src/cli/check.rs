//! `patchboard check`: everything that `serve` would find, and nothing tolerated.

use clap::Args;

use super::source::ServerArgs;
use crate::deploy;
use crate::printable::printable;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    server: ServerArgs,
}

impl Check {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let checked = deploy::check(&self.server.source(false))?;
        for problem in checked.odd().iter().chain(checked.unknown()) {
            eprintln!("warning: {problem}");
        }
        for handler in checked.handlers() {
            println!("handler {} {} ({})", handler.name(), handler.digest(), handler.kind());
            let mut routes: Vec<_> = handler.routes().iter().map(|claim| claim.route.to_string()).collect();
            // In a component they are as its linker has put them.
            routes.sort_unstable_by(|one, other| path(one).cmp(path(other)).then_with(|| one.cmp(other)));
            routes.iter().for_each(|route| println!("  {}", printable(route)));
        }
        for mount in &checked.config().mounts {
            println!("static mount {}/ from {}", mount.prefix, mount.dir.display());
        }
        for (names, until) in checked.certificates() {
            let until = humantime::format_rfc3339_seconds(until);
            println!("certificate for {} until {until}", printable(&names.join(", ")));
        }
        checked.pending().iter().for_each(|change| println!("{}", printable(change)));
        Ok(())
    }
}

/// A route without its method.
fn path(route: &str) -> &str {
    route.split_once(' ').map_or(route, |(_, path)| path)
}
