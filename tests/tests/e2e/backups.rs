//! Backups of what handlers keep, taken while it is written, and what becomes of them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use patchboard_tests::{Client, Exited, Server, ServerBuilder, SetOnDrop, Shell, wait_until};
use rustix::process::Signal;

const MIGRATION: &str =
    "CREATE TABLE a (n INTEGER); CREATE TABLE b (n INTEGER); CREATE TABLE filler (x BLOB);
    INSERT INTO a VALUES (0); INSERT INTO b VALUES (0);
    CREATE TRIGGER both AFTER UPDATE ON a BEGIN UPDATE b SET n = n + 1; END;";
const ADD: &str = "UPDATE a SET n = n + 1";
const BOTH: &str = "SELECT (SELECT n FROM a) || ' ' || (SELECT n FROM b) AS both";
/// The size of an object.
const OBJECT: usize = 300_000;

/// A server that keeps something of each kind, in `data` of its folder.
fn keeping() -> ServerBuilder {
    Server::builder()
        .guest("sql")
        .guest("key-value")
        .guest("blob")
        .file("migrations/001.sql", MIGRATION)
        .config(
            "[handlers.sql]\nsql = \"notes\"\n[sql.notes]\nmigrations = \"migrations\"\n\
             [handlers.key-value]\nkey_value = \"default\"\n[handlers.blob]\nblob = \"uploads\"\n\
             routes = [\"POST /put\", \"GET /get\", \"GET /head\"]",
        )
}

fn post(client: &Client, server: &Server, path: &str, body: &[u8]) -> String {
    let reply = client.post(&server.url(path), "text/plain", body);
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.text().to_owned()
}

/// Runs the program with the configuration in `folder`, and `data` for its data folder.
fn patchboard(folder: &Path, data: &Path, arguments: &str) -> Exited {
    let config = folder.join("patchboard.toml");
    let variables = format!("PATCHBOARD_CONFIG={} PATCHBOARD_DATA={}", config.display(), data.display());
    Shell::new().run(&format!("env {variables} patchboard {arguments}"))
}

#[track_caller]
fn done(exited: &Exited) {
    assert_eq!(exited.code, Some(0), "{}", exited.log);
}

/// Refused by one line that has all of `parts`.
#[track_caller]
fn refused(exited: &Exited, parts: &[&str]) {
    assert_eq!(exited.code, Some(2), "{}", exited.log);
    let lines: Vec<&str> = exited.log.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{}", exited.log);
    assert!(parts.iter().all(|part| lines[0].contains(part)), "{}", lines[0]);
}

/// What the two counters of the database are.
fn counters(server: &Server) -> (u64, u64) {
    let both = post(server.client(), server, "/sql/notes/query", BOTH.as_bytes());
    let both: Vec<String> = serde_json::from_str(&both).unwrap();
    let (a, b) = both[0].split_once(' ').unwrap();
    (a.parse().unwrap(), b.parse().unwrap())
}

#[test]
fn a_backup_under_writes_has_whole_transactions_and_all_that_was_acknowledged() {
    let server = keeping().start();
    let filler = "INSERT INTO filler WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 60) \
                  SELECT randomblob(100000) FROM n";
    post(server.client(), &server, "/sql/notes/execute", filler.as_bytes());
    for key in 0..60 {
        post(server.client(), &server, &format!("/set/default/filler-{key}"), &[b'x'; 100_000]);
    }
    let (over, rows, values, objects) =
        (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let write = |count: &AtomicU64, one: &dyn Fn(&Client, u64)| {
        let client = Client::new();
        while !over.load(Ordering::Relaxed) {
            let next = count.load(Ordering::Relaxed) + 1;
            one(&client, next);
            count.store(next, Ordering::Relaxed);
        }
    };
    let backups = tempfile::tempdir().unwrap();
    let data = server.dir().join("data");
    let server = &server;
    let acknowledged = thread::scope(|scope| {
        // Also where something goes wrong.
        let _over = SetOnDrop(&over);
        scope.spawn(|| {
            write(&rows, &|client, _| drop(post(client, server, "/sql/notes/execute", ADD.as_bytes())));
        });
        scope.spawn(|| {
            write(&values, &|client, next| {
                drop(post(client, server, "/pair/default", next.to_string().as_bytes()));
            });
        });
        scope.spawn(|| {
            write(&objects, &|client, next| {
                let object = vec![b'a' + (next % 26) as u8; OBJECT];
                for name in ["same".to_owned(), format!("sub/n{next}")] {
                    post(client, server, &format!("/put?name={name}"), &object);
                }
            });
        });
        (0..4)
            .map(|number| {
                let all = || [&rows, &values, &objects].map(|count| count.load(Ordering::Relaxed));
                let begin = all();
                wait_until("everybody writes", || all().iter().zip(begin).all(|(now, begin)| *now > begin));
                let before = all();
                let to = backups.path().join(number.to_string()).display().to_string();
                let exited = patchboard(server.dir(), &data, &format!("backup {to}"));
                done(&exited);
                assert!(exited.output.contains("a backup of"), "{}", exited.output);
                before
            })
            .collect::<Vec<_>>()
    });
    assert_eq!(server.log.count("the key-value file was copied by a backup"), 4);
    for (number, [rows, values, objects]) in acknowledged.into_iter().enumerate() {
        let fresh = backups.path().join(format!("data-{number}"));
        let from = backups.path().join(number.to_string()).display().to_string();
        done(&patchboard(server.dir(), &fresh, &format!("restore {from}")));
        let restored = keeping().variable("PATCHBOARD_DATA", &fresh.display().to_string()).start();
        let (a, b) = counters(&restored);
        assert_eq!(a, b);
        assert!(a >= rows, "{a} of {rows}");
        let left = restored.get("/get/default/left").text().to_owned();
        assert_eq!(left, restored.get("/get/default/right").text());
        assert!(left.parse::<u64>().unwrap() >= values, "{left} of {values}");
        for name in ["same".to_owned(), format!("sub/n{objects}")] {
            let object = restored.get(&format!("/get?name={name}")).body;
            assert_eq!(object.len(), OBJECT);
            assert!(object.iter().all(|byte| *byte == object[0]), "{name} is of several puts");
        }
        // Size and time; the number of the file is another.
        let head = |server: &Server| {
            let text = server.get(&format!("/head?name=sub/n{objects}")).text().to_owned();
            text.rsplit_once('-').unwrap().0.to_owned()
        };
        assert_eq!(head(&restored), head(server), "an object is dated anew");
    }
}

/// A backup of a few things of each kind, with the configuration of its server.
struct Kept {
    server: tempfile::TempDir,
    backup: std::path::PathBuf,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let server = keeping().variable("PATCHBOARD_DATA", &data.display().to_string()).start();
        post(server.client(), &server, "/sql/notes/execute", ADD.as_bytes());
        post(server.client(), &server, "/pair/default", b"7");
        post(server.client(), &server, "/put?name=a/b", b"an object");
        let backup = folder.path().join("backup");
        fs::copy(server.dir().join("patchboard.toml"), folder.path().join("patchboard.toml")).unwrap();
        fs::create_dir(folder.path().join("handlers")).unwrap();
        done(&patchboard(server.dir(), &data, &format!("backup {}", backup.display())));
        server.stop();
        Self { server: folder, backup }
    }

    fn restore(&self, data: &Path) -> Exited {
        patchboard(self.server.path(), data, &format!("restore {}", self.backup.display()))
    }

    fn fresh(&self) -> std::path::PathBuf {
        self.server.path().join("fresh")
    }
}

#[test]
fn a_backup_that_is_not_whole_leaves_nothing() {
    let kept = Kept::new();
    let fresh = kept.fresh();
    let at = |file: &str| kept.backup.join(file);
    let object = "data/blob/uploads/a/b";
    let damages: [(&str, &dyn Fn()); 6] = [
        ("a/b is missing", &|| fs::remove_file(at(object)).unwrap()),
        ("a/b is not as it was backed up", &|| fs::write(at(object), "an 0bject").unwrap()),
        ("a/b is not as it was backed up", &|| fs::write(at(object), "an obj").unwrap()),
        ("cannot read", &|| {
            fs::remove_file(at(object)).unwrap();
            symlink("/etc/hostname", at(object)).unwrap();
        }),
        ("manifest.jsonl breaks off", &|| {
            let text = fs::read_to_string(at("manifest.jsonl")).unwrap();
            fs::write(at("manifest.jsonl"), &text[..text.len() - 5]).unwrap();
        }),
        ("it is no backup", &|| fs::remove_file(at("manifest.jsonl")).unwrap()),
    ];
    let whole = kept.server.path().join("whole");
    let copy = |from: &Path, to: &Path| {
        done(&Shell::new().run(&format!("cp -a {} {}", from.display(), to.display())));
    };
    copy(&kept.backup, &whole);
    for (said, damage) in damages {
        damage();
        refused(&kept.restore(&fresh), &[said, "backup"]);
        assert!(!fresh.exists(), "{said}");
        // A folder that was there stays, as empty as it was.
        fs::create_dir(&fresh).unwrap();
        refused(&kept.restore(&fresh), &[said]);
        assert_eq!(fs::read_dir(&fresh).unwrap().count(), 0, "{said}");
        fs::remove_dir(&fresh).unwrap();
        fs::remove_dir_all(&kept.backup).unwrap();
        copy(&whole, &kept.backup);
    }
    done(&kept.restore(&fresh));
    assert_eq!(fs::read_to_string(fresh.join("blob/uploads/a/b")).unwrap(), "an object");
    // It is for its user alone, as what a server makes.
    let data = kept.server.path().join("data");
    for private in [
        &kept.backup,
        &data,
        &data.join("blob/uploads"),
        &fresh,
        &fresh.join("sql/notes.sqlite"),
        &fresh.join("key-value.redb"),
    ] {
        let mode = fs::metadata(private).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} {mode:o}", private.display());
    }
}

#[test]
fn nothing_is_overwritten_and_nobody_is_disturbed() {
    let kept = Kept::new();
    let data = kept.server.path().join("data");
    refused(&kept.restore(&data), &["is not empty: it has ", "move what is in it away"]);
    let again = format!("backup {}", kept.backup.display());
    refused(&patchboard(kept.server.path(), &data, &again), &["exists already", "name a new folder"]);
    let inside = format!("backup {}", data.join("backup").display());
    refused(&patchboard(kept.server.path(), &data, &inside), &["lies in the data folder"]);
    refused(
        &patchboard(kept.server.path(), &kept.fresh(), "backup elsewhere"),
        &["fresh does not exist", "PATCHBOARD_DATA"],
    );
    // A server that has kept nothing yet holds the folder all the same.
    let fresh = kept.fresh();
    fs::create_dir(&fresh).unwrap();
    let named = fresh.display().to_string();
    let server = Server::builder().demo("hello").variable("PATCHBOARD_DATA", &named).start();
    refused(&kept.restore(&fresh), &["fresh is in use by a server", "stop that first"]);
    server.stop();
    // What an earlier one has left, which did not come to its end, is in nobody's way.
    fs::create_dir(fresh.join(".patchboard-restore")).unwrap();
    fs::write(fresh.join(".patchboard-restore/half"), "").unwrap();
    let starting = || Server::builder().demo("hello").variable("PATCHBOARD_DATA", &named);
    let said = ["a restore into it was not finished", "run `patchboard restore` again"];
    refused(&starting().check(), &said);
    refused(&starting().start_in_vain(), &said);
    done(&kept.restore(&fresh));
    let restored = keeping().variable("PATCHBOARD_DATA", &named).start();
    assert_eq!(counters(&restored), (1, 1));
    assert_eq!(restored.get("/get/default/left").text(), "7");
}

#[test]
fn a_backup_needs_no_server_whichever_way_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = keeping().variable("PATCHBOARD_DATA", &data.display().to_string()).start();
    for _ in 0..3 {
        post(server.client(), &server, "/sql/notes/execute", ADD.as_bytes());
    }
    post(server.client(), &server, "/pair/default", b"8");
    server.signal(Signal::KILL);
    let (backup, fresh) = (folder.path().join("backup"), folder.path().join("fresh"));
    wait_until("the server has ended", || UnixStream::connect(data.join("key-value.sock")).is_err());
    // What guests or others may have put there is neither followed nor waited for.
    symlink("/etc", data.join("blob/uploads/etc")).unwrap();
    fs::create_dir(data.join("empty")).unwrap();
    let exited = patchboard(server.dir(), &data, &format!("backup {}", backup.display()));
    done(&exited);
    assert!(exited.log.contains("warning: 1 of what is in"), "{}", exited.log);
    done(&patchboard(server.dir(), &fresh, &format!("restore {}", backup.display())));
    assert!(fresh.join("empty").is_dir() && !fresh.join("blob/uploads/etc").exists());
    let restored = keeping().variable("PATCHBOARD_DATA", &fresh.display().to_string()).start();
    assert_eq!(counters(&restored), (3, 3));
    assert_eq!(restored.get("/get/default/right").text(), "8");
}

#[test]
fn a_disk_that_is_full_or_closed_is_said_and_leaves_nothing() {
    let kept = Kept::new();
    let (folder, data) = (kept.server.path(), kept.server.path().join("data"));
    let small = folder.join("small");
    fs::create_dir(&small).unwrap();
    fs::write(data.join("large"), vec![b'x'; 6 << 20]).unwrap();
    let program = |arguments: &str| {
        let variables = |data: &Path| {
            format!(
                "PATCHBOARD_CONFIG={}/patchboard.toml PATCHBOARD_DATA={}",
                folder.display(),
                data.display()
            )
        };
        (
            format!("env {} patchboard {arguments}", variables(&data)),
            format!("env {} patchboard {arguments}", variables(&small)),
        )
    };
    let mounted = |size: &str, line: &str| {
        let mount = format!("mount -t tmpfs -o size={size} tmpfs {}", small.display());
        let rest = format!("ls -A {}", small.display());
        Shell::new()
            .run(&format!("unshare --mount sh -c '{mount} && {{ {line}; code=$?; {rest}; exit $code; }}'"))
    };
    if mounted("1m", "true").code != Some(0) {
        // Not where tests may not mount.
        return;
    }
    for size in ["4k", "32k", "4m"] {
        let exited = mounted(size, &program(&format!("backup {}/b", small.display())).0);
        refused(&exited, &[]);
        let is_said =
            ["No space left on device", "disk is full"].iter().any(|said| exited.log.contains(said));
        assert!(is_said, "{}", exited.log);
        assert_eq!(exited.output, "", "{size}");
        let exited = mounted(size, &program(&format!("restore {}", kept.backup.display())).1);
        if size != "4m" {
            refused(&exited, &["No space left on device", "make room there"]);
            assert_eq!(exited.output, "", "{size}");
        }
    }
    // Who may not write or read is told so.
    let powerless = "setpriv --bounding-set=-all --inh-caps=-all --reuid=65534 --clear-groups";
    fs::set_permissions(&small, fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    for arguments in [format!("backup {}/b", small.display()), format!("restore {}", kept.backup.display())] {
        let exited = Shell::new().run(&format!("{powerless} {}", program(&arguments).0));
        refused(&exited, &["Permission denied", "run this as the user of the server"]);
        assert_eq!(fs::read_dir(&small).unwrap().count(), 0);
    }
}
