//! A disk that is full while the server runs: it is said what is wrong and what to do, nothing
//! that was acknowledged is lost, and it goes on when there is room.
//!
//! The disks are small file systems in memory; where tests may not mount, nothing is tried.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use patchboard_tests::{Reply, Server, wait_until};

/// A disk of a test's own.
struct Small(PathBuf);

impl Small {
    /// Mounts one at `folder`, if that is allowed.
    fn mount(folder: &Path, size: &str) -> Option<Self> {
        fs::create_dir(folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder);
        let mounted = mount.stderr(Stdio::null()).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(folder.to_owned()))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Leaves no room.
    fn fill(&self) {
        let mut filler = File::options().append(true).create(true).open(self.filler()).unwrap();
        for piece in [64 << 10, 4 << 10, 1] {
            while filler.write_all(&vec![b'x'; piece]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

fn post(server: &Server, path: &str, body: &str) -> Reply {
    server.client().post(&server.url(path), "text/plain", body.as_bytes())
}

#[test]
fn databases_and_buckets_say_so_lose_nothing_and_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Small::mount(&folder.path().join("data"), "8m") else { return };
    let server = Server::builder()
        .guest("sql")
        .guest("key-value")
        .server(&format!("data = {:?}", folder.path().join("data")))
        .config(
            "[handlers.sql]\nsql = \"notes\"\n[handlers.key-value]\nkey_value = \"default\"\n[sql.notes]\n",
        )
        .start();
    let execute = |statement: &str| post(&server, "/sql/notes/execute", statement);
    let count = || post(&server, "/sql/notes/query", "SELECT count(*) FROM notes").text().to_owned();
    let set = |key: &str, value: &str| post(&server, &format!("/set/default/{key}"), value).text().to_owned();
    let large = "x".repeat(300 << 10);
    let insert = format!("INSERT INTO notes VALUES ('{large}')");
    execute("CREATE TABLE notes (text TEXT)").expect(200, "0");
    execute("INSERT INTO notes VALUES ('first')").expect(200, "1");
    assert_eq!(set("first", "1"), "set");

    disk.fill();
    for _ in 0..3 {
        let refused = execute(&insert);
        assert_eq!(refused.status, 400, "{}", refused.text());
        assert!(refused.text().contains("full"), "{}", refused.text());
    }
    server.log.wait_for("notes.sqlite has failed: database or disk is full; make room on its disk");
    // What is there can be read all the while.
    assert!(count().contains('1'), "{}", count());
    let refused = set("second", &large);
    assert_ne!(refused, "set");
    server.log.wait_for("No space left on device (os error 28); make room on its disk");

    disk.make_room();
    wait_until("the database goes on", || execute("INSERT INTO notes VALUES ('second')").status == 200);
    wait_until("the bucket goes on", || set("second", &large) == "set");
    assert!(count().contains('2'), "{}", count());
    assert_eq!(server.get("/get/default/first").text(), "1");
    assert_eq!(server.get("/get/default/second").text(), large);
    drop(server);
    drop(disk);
}

#[test]
fn the_access_log_says_so_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Small::mount(&folder.path().join("log"), "128k") else { return };
    let file = folder.path().join("log/access.log");
    let server = Server::builder().demo("hello").server(&format!("access_log_file = {file:?}")).start();
    let ask = || server.get("/").request_id().to_owned();
    let has = |id: &str| fs::read_to_string(&file).is_ok_and(|text| text.contains(id));
    let first = ask();
    wait_until("the first line is there", || has(&first));
    disk.fill();
    // More than waits in memory for room.
    for _ in 0..200 {
        server.get("/").expect(200, "Hello, world");
    }
    server.log.wait_for("access log lines dropped; its reader is too slow, or its disk is full");
    disk.make_room();
    let last = ask();
    wait_until("lines are written again", || has(&last));
    assert!(has(&first));
    drop(server);
    drop(disk);
}
