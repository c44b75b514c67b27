//! The server under test: its folder, its process, its output.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Client, Connection, Output, PATIENCE, Reply, built, wait_until};

/// A running server. It is killed where the value is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    dir: TempDir,
    client: Client,
    /// Standard error: the operational log.
    pub log: Output,
    /// Standard output: the access log.
    pub access_log: Output,
}

/// A server that has not been started yet: a folder and a command line.
#[derive(Debug)]
pub struct ServerBuilder {
    dir: TempDir,
    server_table: String,
    config: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    listen: bool,
    has_config: bool,
    inherited: Option<TcpListener>,
    /// A program that runs the server, with its first arguments.
    runner: Vec<String>,
}

/// What is left of a process that has ended.
#[derive(Debug)]
pub struct Exited {
    /// The exit code, if no signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub log: String,
}

impl Server {
    /// A server with a `handlers` folder that is empty, and nothing else.
    pub fn builder() -> ServerBuilder {
        let dir = tempfile::Builder::new().prefix("patchboard-test-").tempdir().expect("a temporary folder");
        fs::create_dir(dir.path().join("handlers")).expect("a handlers folder");
        ServerBuilder {
            dir,
            server_table: "handlers = \"handlers\"\n".to_owned(),
            config: String::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            listen: true,
            has_config: true,
            inherited: None,
            runner: Vec::new(),
        }
    }

    /// The first address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The file of the handler `name`.
    pub fn handler_file(&self, name: &str) -> PathBuf {
        self.dir().join(format!("handlers/{name}.wasm"))
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The most memory it has ever had resident, in bytes.
    ///
    /// # Panics
    ///
    /// If the kernel does not say.
    #[track_caller]
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("/proc is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel counts");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
        kibibytes << 10
    }

    /// A client of the ordinary kind.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A new connection for exact bytes.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address())
    }

    /// GETs `path`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.client.get(&self.url(path))
    }

    /// POSTs a form to `path`.
    #[track_caller]
    pub fn post_form(&self, path: &str, form: &str) -> Reply {
        self.client.post(&self.url(path), "application/x-www-form-urlencoded", form.as_bytes())
    }

    /// Sends `request` on a connection of its own, byte by byte as it is, and reads
    /// one response.
    #[track_caller]
    pub fn raw(&self, request: &str) -> Reply {
        let mut connection = self.connect();
        connection.send(request);
        connection.reply()
    }

    /// Sends a signal.
    ///
    /// # Panics
    ///
    /// If the process has ended already.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the server runs");
    }

    /// Runs `patchboard check` with `arguments` beside it, in its folder.
    ///
    /// # Panics
    ///
    /// If that does not end within [`PATIENCE`].
    #[track_caller]
    pub fn check(&self, arguments: &[&str]) -> Exited {
        let mut process = Command::new(built::server_binary());
        clean(&mut process);
        process.arg("check").args(arguments).current_dir(self.dir());
        process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        wait_for_end(process.spawn().expect("the server can be run"), "check")
    }

    /// Waits for the end of the process.
    ///
    /// # Panics
    ///
    /// If it does not end within [`PATIENCE`].
    #[track_caller]
    pub fn wait_exit(&mut self) -> Exited {
        let child = &mut self.child;
        let mut status = None;
        wait_until("the server has ended", || {
            status = child.try_wait().expect("the server is our child");
            status.is_some()
        });
        Exited {
            code: status.and_then(|status| status.code()),
            output: self.access_log.wait_closed().join("\n"),
            log: self.log.wait_closed().join("\n"),
        }
    }

    /// Ends the server as an operator would, and checks that it ends well.
    #[track_caller]
    pub fn stop(mut self) -> Exited {
        self.signal(Signal::TERM);
        let exited = self.wait_exit();
        assert_eq!(exited.code, Some(0), "{}", exited.log);
        exited
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the server is our child").is_none()
    }

    /// Writes a file beneath the server's folder, whole at once, as `mv` would.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    #[track_caller]
    pub fn put(&self, file: &str, content: impl AsRef<[u8]>) {
        let (part, path) = (self.dir().join(".part"), self.dir().join(file));
        fs::write(&part, content).expect("the file can be written");
        fs::rename(&part, path).expect("the file can be renamed");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Has it ended by itself, there is nothing to kill.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log.wait_closed().join("\n"));
            eprintln!("the server's access log:\n{}", self.access_log.wait_closed().join("\n"));
        }
    }
}

impl ServerBuilder {
    /// The folder, for what the methods below do not do.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Adds lines to `[server]`.
    pub fn server(mut self, lines: &str) -> Self {
        self.server_table.push_str(lines);
        self.server_table.push('\n');
        self
    }

    /// Adds tables to the configuration.
    pub fn config(mut self, tables: &str) -> Self {
        self.config.push_str(tables);
        self.config.push('\n');
        self
    }

    /// Adds a demo handler.
    #[track_caller]
    pub fn demo(self, name: &str) -> Self {
        self.copy(&built::demo_handler(name), &format!("handlers/{name}.wasm"))
    }

    /// Adds a guest of the tests.
    #[track_caller]
    pub fn guest(self, name: &str) -> Self {
        self.guest_as(name, name)
    }

    /// Adds a guest of the tests as the handler `name`.
    #[track_caller]
    pub fn guest_as(self, guest: &str, name: &str) -> Self {
        self.copy(&built::test_guest(guest), &format!("handlers/{name}.wasm"))
    }

    /// Lets `make` put into the folder what the other methods do not.
    pub fn with(self, make: impl FnOnce(&Path)) -> Self {
        make(self.dir());
        self
    }

    /// Adds a component that is written as text.
    #[track_caller]
    pub fn component(self, name: &str, text: &str) -> Self {
        let component = wat::parse_str(text).expect("the text is a component");
        self.file(&format!("handlers/{name}.wasm"), component)
    }

    /// Adds a file.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    #[track_caller]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.dir().join(path);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder can be made");
        fs::write(path, content).expect("the file can be written");
        self
    }

    /// Serves the demo by its own configuration, `patchboard.toml` of the repository.
    #[track_caller]
    pub fn demo_site(self) -> Self {
        let config = built::demo_config();
        // Not where the demo itself has its data.
        let data = self.dir().join("data").display().to_string();
        self.variable("PATCHBOARD_DATA", &data).argument("--config").argument(&config.display().to_string())
    }

    /// Adds an argument of the command line.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets a variable of the process's environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Does not pass `--listen 127.0.0.1:0`: the test says itself where to listen.
    pub fn listen_as_configured(mut self) -> Self {
        self.listen = false;
        self
    }

    /// Passes `socket` as systemd does: as the first descriptor after the standard ones.
    ///
    /// # Panics
    ///
    /// If there are no more descriptors.
    #[track_caller]
    pub fn inherit(mut self, socket: &TcpListener) -> Self {
        self.inherited = Some(socket.try_clone().expect("a socket can be had twice"));
        self
    }

    /// Lets `program` run it, which gets the server and its arguments after its own.
    pub fn run_by(mut self, program: &[&str]) -> Self {
        self.runner.extend(program.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Lets rights hold for it, which root is exempt from.
    pub fn without_powers(self) -> Self {
        match rustix::process::geteuid().is_root() {
            true => self.run_by(&["setpriv", "--bounding-set=-all", "--inh-caps=-all"]),
            false => self,
        }
    }

    /// Writes no configuration, and makes no `handlers` folder: an empty folder.
    ///
    /// # Panics
    ///
    /// If there are handlers already.
    #[track_caller]
    pub fn without_config(mut self) -> Self {
        self.has_config = false;
        fs::remove_dir(self.dir().join("handlers")).expect("the handlers folder is empty");
        self
    }

    /// Starts `patchboard serve` and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// With the log, if it does not start.
    #[track_caller]
    pub fn start(self) -> Server {
        let (mut child, dir) = self.spawn("serve");
        let (access_log, log) = Output::of(&mut child);
        // Before that it may say what it compiles.
        let Some(address) = log.after("listening on http://") else {
            child.kill().ok();
            child.wait().ok();
            panic!("the server did not start:\n{}", log.wait_closed().join("\n"));
        };
        let address = address.parse().expect("the address is one");
        Server { child, address, dir, client: Client::new(), log, access_log }
    }

    /// Runs `patchboard serve`, which is expected to end by itself.
    #[track_caller]
    pub fn start_in_vain(self) -> Exited {
        self.run("serve")
    }

    /// Runs `patchboard check`.
    #[track_caller]
    pub fn check(self) -> Exited {
        self.run("check")
    }

    /// Runs `patchboard routes` with `arguments`.
    #[track_caller]
    pub fn routes(mut self, arguments: &[&str]) -> Exited {
        self.listen = false;
        arguments.iter().fold(self, |builder, argument| builder.argument(argument)).run("routes")
    }

    /// Runs `patchboard load` with `arguments`, in this server's folder.
    #[track_caller]
    pub fn load(mut self, arguments: &[&str]) -> Exited {
        self.listen = false;
        arguments.iter().fold(self, |builder, argument| builder.argument(argument)).run("load")
    }

    #[track_caller]
    fn run(self, command: &str) -> Exited {
        let (child, _dir) = self.spawn(command);
        wait_for_end(child, command)
    }

    #[track_caller]
    fn spawn(self, command: &str) -> (Child, TempDir) {
        let config = self.dir.path().join("patchboard.toml");
        if self.has_config {
            let text = format!("[server]\n{}\n{}", self.server_table, self.config);
            fs::write(config, text).expect("the configuration can be written");
        }
        let mut process = match (&self.inherited, &*self.runner) {
            (Some(_), _) => activated(),
            (None, [program, arguments @ ..]) => {
                let mut process = Command::new(program);
                process.args(arguments).arg(built::server_binary());
                process
            }
            (None, []) => Command::new(built::server_binary()),
        };
        clean(&mut process);
        process.arg(command).args(&self.arguments).envs(self.environment);
        if self.listen {
            process.args(["--listen", "127.0.0.1:0"]);
        }
        process.current_dir(self.dir.path());
        let stdin = self.inherited.map_or_else(Stdio::null, |socket| OwnedFd::from(socket).into());
        process.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        (process.spawn().expect("the server can be run"), self.dir)
    }

    #[track_caller]
    fn copy(self, from: &Path, to: &str) -> Self {
        fs::copy(from, self.dir().join(to)).expect("the component can be copied");
        self
    }
}

/// Lets it have no settings but those of the test.
fn clean(process: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PATCHBOARD_") {
            process.env_remove(name);
        }
    }
    process.env("PATCHBOARD_CODE_CACHE", built::code_cache());
}

#[track_caller]
fn wait_for_end(mut child: Child, command: &str) -> Exited {
    let (output, log) = Output::of(&mut child);
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().expect("the server is our child") {
            Some(status) => break status,
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            None => {
                child.kill().ok();
                child.wait().ok();
                panic!("`patchboard {command}` goes on:\n{}", log.wait_closed().join("\n"));
            }
        }
    };
    Exited { code: status.code(), output: output.wait_closed().join("\n"), log: log.wait_closed().join("\n") }
}

/// The server as a supervisor starts it, with the socket that is its standard input. A
/// shell puts it in its place, since only it knows its own process id before the
/// server has it.
fn activated() -> Command {
    let mut shell = Command::new("sh");
    let script = r#"exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" "$@""#;
    shell.arg("-c").arg(script).arg(built::server_binary());
    shell
}
