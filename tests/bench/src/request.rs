//! What the subjects of a scenario are asked for: as a script for wrk, and as the
//! bytes of one request.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A request, or some that differ in a number in their path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// `{n}` stands for a number below `paths`.
    pub(crate) path: &'static str,
    /// How many paths take turns.
    pub(crate) paths: usize,
    /// Header fields, but for `host` and `content-length`.
    pub(crate) fields: &'static [(&'static str, &'static str)],
    /// Makes the body; empty for none.
    pub(crate) body: fn() -> Vec<u8>,
}

impl Request {
    pub(crate) const fn get(path: &'static str) -> Self {
        Self { method: "GET", path, paths: 1, fields: &[], body: Vec::new }
    }

    pub(crate) const fn post(
        path: &'static str,
        fields: &'static [(&'static str, &'static str)],
        body: fn() -> Vec<u8>,
    ) -> Self {
        Self { method: "POST", path, paths: 1, fields, body }
    }

    /// The path that has this number.
    pub(crate) fn path(&self, number: usize) -> String {
        self.path.replace("{n}", &number.to_string())
    }

    /// A whole request, of the first path.
    pub(crate) fn bytes(&self, host: SocketAddr) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", self.method, self.path(0));
        let body = (self.body)();
        // Writing to a String cannot fail.
        for (name, value) in self.fields {
            write!(head, "{name}: {value}\r\n").ok();
        }
        if !body.is_empty() {
            write!(head, "Content-Length: {}\r\n", body.len()).ok();
        }
        [head.as_bytes(), b"\r\n", &body].concat()
    }

    /// Writes the script that has wrk send this, to `folder`.
    pub(crate) fn script(&self, folder: &Path) -> Result<PathBuf> {
        let write = |name: &str, content: &[u8]| -> Result<PathBuf> {
            let file = folder.join(name);
            fs::write(&file, content).with_context(|| format!("could not write {}", file.display()))?;
            Ok(file)
        };
        let body = (self.body)();
        let body = if body.is_empty() { None } else { Some(write("body", &body)?) };
        write("request.lua", self.lua(body.as_deref()).as_bytes())
    }

    /// The requests are made once, before the first is sent. Rust's escapes are Lua's
    /// where all is printable ASCII, which is what scenarios and paths are.
    fn lua(&self, body: Option<&Path>) -> String {
        let mut lua = format!("wrk.method = {:?}\n", self.method);
        for (name, value) in self.fields {
            writeln!(lua, "wrk.headers[{name:?}] = {value:?}").ok();
        }
        if let Some(body) = body {
            writeln!(lua, "local file = assert(io.open({:?}, \"rb\"))", body.to_string_lossy()).ok();
            lua.push_str("wrk.body = file:read(\"*a\")\nfile:close()\n");
        }
        if self.paths > 1 {
            let (paths, last) = (self.paths, self.paths - 1);
            write!(
                lua,
                "local requests, turn = {{}}, 0\n\
                 function init()\n\
                 \x20 for n = 0, {last} do\n\
                 \x20   requests[n] = wrk.format(nil, (string.gsub({path:?}, \"{{n}}\", n)))\n\
                 \x20 end\n\
                 end\n\
                 function request()\n\
                 \x20 turn = (turn + 1) % {paths}\n\
                 \x20 return requests[turn]\n\
                 end\n",
                path = self.path,
            )
            .ok();
        }
        lua
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Request = Request::post("/form", &[("content-type", "text/plain")], || b"a=b".to_vec());

    #[test]
    fn a_request_in_bytes() {
        let host = "127.0.0.1:80".parse().unwrap();
        let get = String::from_utf8(Request::get("/").bytes(host)).unwrap();
        assert_eq!(get, "GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n");
        let form = String::from_utf8(FORM.bytes(host)).unwrap();
        assert_eq!(
            form,
            "POST /form HTTP/1.1\r\nHost: 127.0.0.1:80\r\ncontent-type: text/plain\r\n\
             Content-Length: 3\r\n\r\na=b"
        );
    }

    #[test]
    fn a_script_for_wrk() {
        assert_eq!(Request::get("/").lua(None), "wrk.method = \"GET\"\n");
        assert_eq!(
            FORM.lua(Some(Path::new("/tmp/body"))),
            "wrk.method = \"POST\"\n\
             wrk.headers[\"content-type\"] = \"text/plain\"\n\
             local file = assert(io.open(\"/tmp/body\", \"rb\"))\n\
             wrk.body = file:read(\"*a\")\n\
             file:close()\n"
        );
        let spread = Request { paths: 3, ..Request::get("/{n}/x") };
        assert!(spread.lua(None).contains("for n = 0, 2 do\n"));
        assert!(spread.lua(None).contains(r#"(string.gsub("/{n}/x", "{n}", n))"#));
        assert_eq!(spread.path(2), "/2/x");
    }
}
