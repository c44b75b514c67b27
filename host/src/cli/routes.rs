//! `patchboard routes` and `patchboard routes explain`: the table, and why a request
//! goes where it goes.

use clap::{Args, Subcommand};
use http::{Method, Uri};

use super::source::SourceArgs;
use crate::deploy;
use crate::printable::printable;
use crate::router::{MethodFilter, Route};
use crate::site::Target;

/// Arguments of `routes`.
#[derive(Debug, Args)]
pub(super) struct Routes {
    #[command(flatten)]
    source: SourceArgs,
    /// Print the table as JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say which route answers a request, and why
    Explain {
        /// The method, for example GET
        method: Method,
        /// The path, or a whole URL, for example /items/7
        url: Uri,
    },
}

impl Routes {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let (site, tolerated) = deploy::routes(&self.source.source())?;
        for problem in &tolerated {
            eprintln!("warning: {problem}; its routes answer 503");
        }
        let table = site.table();
        match &self.command {
            Some(Command::Explain { method, url }) => {
                let authority = url.authority().map_or("", |authority| authority.as_str());
                for line in table.explain(method, authority, url.path()).to_string().lines() {
                    println!("{}", printable(line));
                }
            }
            None if self.json => println!("{}", json(table.routes())),
            None => print!("{}", text(table.routes())),
        }
        Ok(())
    }
}

/// A route's method, host and path, name and target.
fn columns(route: &Route<Target>) -> [String; 4] {
    let pattern = &route.pattern;
    let method = match &pattern.method {
        MethodFilter::Any => "*".to_owned(),
        MethodFilter::One(method) => method.to_string(),
    };
    let host = if pattern.host.is_any() { String::new() } else { pattern.host.to_string() };
    let path = format!("{host}{}", pattern.pattern.as_str());
    [method, path, route.name.clone().unwrap_or_default(), route.target.describe()]
        .map(|cell| printable(&cell).into_owned())
}

fn text<'t>(routes: impl Iterator<Item = &'t Route<Target>>) -> String {
    let header = ["METHOD", "PATTERN", "NAME", "TARGET"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(header).chain(routes.map(columns)).collect();
    let width = |column: usize| {
        let lengths = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        lengths.max().unwrap_or(0)
    };
    let (method, pattern, name) = (width(0), width(1), width(2));
    let lines = rows.iter().map(|[a, b, c, d]| format!("{a:method$}  {b:pattern$}  {c:name$}  {d}\n"));
    lines.collect()
}

fn json<'t>(routes: impl Iterator<Item = &'t Route<Target>>) -> serde_json::Value {
    let routes = routes.map(|route| {
        let [method, pattern, name, target] = columns(route);
        serde_json::json!({ "method": method, "pattern": pattern, "name": name, "target": target })
    });
    routes.collect()
}
