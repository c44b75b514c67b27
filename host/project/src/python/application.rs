//! What is read of an application before it becomes a component: its routes, what it imports of
//! the server, and what the configuration has to say for it.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use toml::{Table, Value};

use super::environment::Environment;

/// The line of what was found.
const MARK: &str = "patchboard:application:";
/// How long the file may run until it comes to `web.run_app`.
const LIMIT: Duration = Duration::from_secs(60);
/// The most that is read of what it prints.
const OUTPUT_BYTES: u64 = 16 * 1024 * 1024;

/// An application, or what is wrong with it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Application {
    problems: Vec<String>,
    routes: Vec<Route>,
    /// The routes as the inside of the component is to find them.
    pub(crate) shape: Vec<String>,
    imports: Vec<String>,
    instances: Option<u32>,
    statics: Vec<Static>,
}

/// A route, as a line of the section says it.
#[derive(Debug, Deserialize)]
struct Route {
    id: u64,
    method: String,
    pattern: String,
    name: String,
}

/// A folder of files.
#[derive(Debug, Deserialize)]
struct Static {
    prefix: String,
    dir: String,
    name: Option<String>,
    show_index: bool,
}

impl Application {
    /// Reads the application in `file`.
    ///
    /// # Errors
    ///
    /// All that is in the way, with its place.
    pub(crate) fn read(
        environment: &Environment,
        package: &Path,
        file: &Path,
        packages: Option<&Path>,
    ) -> Result<Self> {
        let mut python = environment.python();
        // It leaves nothing in the author's folder.
        python
            .arg("-B")
            .arg(package.join("patchboard/_build/inspect.py"))
            .arg(package)
            .arg(file)
            .args(packages);
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        python.current_dir(folder.unwrap_or(Path::new("."))).stdout(Stdio::piped());
        let mut child = python.spawn().context("cannot run Python")?;
        let stdout = child.stdout.take().context("a piped stdout is there")?;
        let reader = thread::spawn(move || {
            let mut found = None;
            for line in BufReader::new(stdout.take(OUTPUT_BYTES)).lines().map_while(Result::ok) {
                found = line.strip_prefix(MARK).map(str::to_owned).or(found);
            }
            found
        });
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if begun.elapsed() > LIMIT {
                child.kill().ok();
                child.wait().ok();
                bail!(
                    "{} has not come to web.run_app within {} s; it is run when it is built, so what waits belongs into a \
                     handler or into app.on_startup",
                    file.display(),
                    LIMIT.as_secs()
                );
            }
            thread::sleep(Duration::from_millis(10));
        };
        let Ok(Some(line)) = reader.join() else {
            bail!("{} cannot be read ({status}); what Python says is above", file.display());
        };
        let application: Self = serde_json::from_str(&line).context("cannot read what Python has found")?;
        if !application.problems.is_empty() {
            bail!("{}", application.problems.join("\n"));
        }
        if application.routes.is_empty() {
            bail!("{} has no routes; give its application one by app.add_routes", file.display());
        }
        Ok(application)
    }

    /// The section that the server reads its routes from.
    pub(crate) fn section(&self) -> String {
        let line = |Route { id, method, pattern, name }: &Route| {
            let [method, pattern, name] = [method, pattern, name].map(|text| Value::String(text.clone()));
            format!(
                "{}\n",
                serde_json::json!({"v": 2, "method": method, "pattern": pattern, "name": name, "id": id})
            )
        };
        self.routes.iter().map(line).collect()
    }

    /// The world of its component: what needs a grant is imported only where it is used.
    pub(crate) fn world(&self) -> String {
        let mut world = "package patchboard:python;\n\nworld handler {\n    include patchboard:handler/service@0.2.0;\n    \
                         import patchboard:handler/call-futures@0.2.0;\n    import wasi:logging/logging@0.1.0-draft;\n"
            .to_owned();
        for import in &self.imports {
            let interface = match import.as_str() {
                "config" => "wasi:config/store@0.2.0-rc.1".to_owned(),
                own => format!("patchboard:handler/{}@0.2.0", own.replace('_', "-")),
            };
            _ = writeln!(world, "    import {interface};");
        }
        world + "}\n"
    }

    /// What the configuration has to say for it, and does not: lines for it.
    pub(crate) fn missing(&self, name: &str, configuration: &Table) -> String {
        let mut lines = String::new();
        let own = configuration.get("handlers").and_then(|handlers| handlers.get(name));
        let grants = ["outbound", "sql", "key_value", "blob", "config"].into_iter().filter(|grant| {
            self.imports.iter().any(|import| import == grant) && own.and_then(|own| own.get(grant)).is_none()
        });
        let mut of_handler: String = grants
            .map(|grant| match grant {
                "outbound" => "outbound = \"https://api.example.com\"   # the origins that it may ask; http://self is this server\n".to_owned(),
                "config" => "config = { key = \"value\" }\n".to_owned(),
                grant => format!("{grant} = \"{name}\"\n"),
            })
            .collect();
        if let Some(instances) = self.instances
            && own.and_then(|own| own.get("instances")).is_none()
        {
            _ = writeln!(of_handler, "instances = {instances}   # it keeps state in memory");
        }
        if !of_handler.is_empty() {
            _ = write!(lines, "[handlers.{name}]\n{of_handler}");
        }
        let served = configuration.get("static").and_then(Value::as_array).cloned().unwrap_or_default();
        for Static { prefix, dir, name, show_index } in &self.statics {
            if served.iter().any(|mount| mount.get("prefix").and_then(Value::as_str) == Some(prefix)) {
                continue;
            }
            _ = write!(lines, "[[static]]\nprefix = {}\ndir = {}\n", quoted(prefix), quoted(dir));
            lines.extend(name.iter().map(|name| format!("name = {}\n", quoted(name))));
            lines.push_str(if *show_index { "show_index = true\n" } else { "" });
        }
        lines
    }
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: &str = r#"{"routes": [{"id": 0, "method": "GET", "pattern": "/a/{x:\\d+}", "name": "a"}],
        "shape": ["GET /a"], "imports": ["key_value", "outbound"], "instances": 1,
        "statics": [{"prefix": "/css", "dir": "static/css", "name": "css", "show_index": true}]}"#;

    #[test]
    fn a_component_imports_what_it_uses() {
        let application: Application = serde_json::from_str(FOUND).unwrap();
        assert_eq!(
            application.section(),
            "{\"id\":0,\"method\":\"GET\",\"name\":\"a\",\"pattern\":\"/a/{x:\\\\d+}\",\"v\":2}\n"
        );
        let world = application.world();
        assert!(world.contains("import patchboard:handler/key-value@0.2.0;"), "{world}");
        assert!(!world.contains("handler/sql"), "{world}");
    }

    #[test]
    fn what_the_configuration_lacks_is_said() {
        let application: Application = serde_json::from_str(FOUND).unwrap();
        let missing = application.missing("shop", &Table::new());
        missing.parse::<Table>().unwrap();
        for line in [
            "[handlers.shop]",
            "key_value = \"shop\"",
            "instances = 1",
            "prefix = \"/css\"",
            "show_index = true",
        ] {
            assert!(missing.contains(line), "{missing}");
        }
        let all = "[handlers.shop]\nkey_value = \"x\"\noutbound = []\ninstances = 1\n[[static]]\nprefix = \"/css\"\n";
        assert_eq!(application.missing("shop", &all.parse().unwrap()), "");
    }
}
