//! The thread that builds: it looks at the sources, has what changed compiled, waits until the server has
//! taken it up, and says what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use patchboard_project::{Failure, Made, Project, Running};

use super::desk::{Desk, Options, Trouble};
use super::replay;
use super::sources::Sources;
use crate::follow::Followed;
use crate::handlers::digest;
use crate::problem::Problem;
use crate::site::{Current, Target};
use crate::telemetry::Recent;

/// What is waited for after an event, as more may come of one that saves: another after each, but not for
/// ever.
const SETTLE: Duration = Duration::from_millis(25);
/// See [`SETTLE`].
const LONGEST_SETTLE: Duration = Duration::from_millis(500);
/// How often is looked where there are no events, and where there are.
const POLL: Duration = Duration::from_secs(1);
/// See [`POLL`].
const RARE_POLL: Duration = Duration::from_secs(5);
/// What may wait for the thread; of more that has happened, one is enough.
const MOST_EVENTS: usize = 1024;

/// What happens to it.
enum Event {
    /// Something about files.
    Files,
    /// A build has ended.
    Built(Result<Vec<Made>, Failure>),
    /// The server has taken something up, or refused it.
    Followed(Followed),
    /// The process is to end.
    End,
}

/// Who builds what is served.
pub struct Developer {
    names: Vec<String>,
    handlers: Option<PathBuf>,
    project: Project,
    desk: Arc<Desk>,
    events: (SyncSender<Event>, Receiver<Event>),
    running: Arc<Running>,
}

/// What is served, and where.
pub struct Place {
    /// The routes of each moment.
    pub site: Arc<Current>,
    /// An address that it is asked at without TLS; else nothing is asked again.
    pub address: Option<SocketAddr>,
    /// The folder of what handlers keep.
    pub data: PathBuf,
}

/// Who ends it, at the end of the process.
pub struct Ending {
    events: SyncSender<Event>,
    running: Arc<Running>,
}

impl Developer {
    /// Of the project that the current folder is in, or its handlers of these `names`, whose components go
    /// to the folder `handlers`, if that is said.
    ///
    /// # Errors
    ///
    /// If there is none, or what builds it is not there.
    pub fn new(
        names: Vec<String>,
        handlers: Option<PathBuf>,
        options: Options,
        recent: Recent,
    ) -> Result<Self> {
        let project = Project::open(&names, handlers.as_deref())?;
        project.ensure_target()?;
        let desk = Arc::new(Desk::new(project.root(), options, recent));
        let (events, running) = (sync_channel(MOST_EVENTS), Arc::default());
        Ok(Self { names, handlers, project, desk, events, running })
    }

    /// Makes the folder that components go to.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn make_folder(&self) -> Result<()> {
        let folder = self.project.folder();
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
    }

    /// The configuration of the project, where there is one that is not found by itself.
    pub fn configuration(&self) -> Option<PathBuf> {
        let file = self.project.root().join("patchboard.toml");
        (file.is_file() && !Path::new("patchboard.toml").exists()).then_some(file)
    }

    /// What is asked by who serves.
    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Whether it may be served at these addresses.
    ///
    /// # Errors
    ///
    /// Names one that others can reach.
    pub fn check(&self, addresses: &[SocketAddr]) -> Result<()> {
        let reached = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback());
        match reached {
            Some(address) if !self.desk.options.is_public => bail!(
                "{address} may be reached by other machines, which could read your sources in the pages of errors; listen on \
                 this one alone, with --listen 127.0.0.1:{}, or say --public if that is meant",
                address.port()
            ),
            _ => Ok(()),
        }
    }

    /// Who tells it of what the server has taken up.
    pub fn told(&self) -> impl Fn(Followed) + Send + 'static {
        let sender = self.events.0.clone();
        move |followed| drop(sender.send(Event::Followed(followed)))
    }

    /// Who ends it.
    pub fn ending(&self) -> Ending {
        Ending { events: self.events.0.clone(), running: self.running.clone() }
    }

    /// Begins to build what is served at `place`, and to look at its sources.
    ///
    /// # Errors
    ///
    /// If there is no thread for it.
    pub fn start(self, place: Place) -> std::io::Result<()> {
        let Self { names, handlers, project, desk, events: (sender, receiver), running } = self;
        let wake = sender.clone();
        // Where it is full, it will be looked anyway.
        let wake = move || drop(wake.try_send(Event::Files));
        let sources = Sources::new(project.sources(), &[project.folder(), &place.data], wake);
        let bench = Bench {
            names,
            handlers,
            desk,
            sources,
            events: (sender, receiver),
            running,
            place,
            is_building: false,
            is_outdated: false,
            changed: BTreeSet::new(),
            saved: None,
            awaited: BTreeMap::new(),
            refused: BTreeMap::new(),
            problems: Vec::new(),
            is_broken: false,
            has_changed: false,
            round: Arc::default(),
        };
        std::thread::Builder::new().name("develop".to_owned()).spawn(move || bench.run())?;
        Ok(())
    }
}

impl Ending {
    /// Ends a build that is under way.
    pub fn end(&self) {
        self.events.try_send(Event::End).ok();
        self.running.cancel();
    }
}

/// What the thread has before it.
struct Bench {
    names: Vec<String>,
    handlers: Option<PathBuf>,
    desk: Arc<Desk>,
    sources: Sources,
    events: (SyncSender<Event>, Receiver<Event>),
    running: Arc<Running>,
    place: Place,
    is_building: bool,
    /// Whether what is being built has changed again.
    is_outdated: bool,
    /// What has changed since the build before.
    changed: BTreeSet<PathBuf>,
    /// When the oldest change was made that is not served yet.
    saved: Option<SystemTime>,
    /// The handlers that the server has yet to take up, with their digests.
    awaited: BTreeMap<String, String>,
    /// Why it has refused some.
    refused: BTreeMap<String, String>,
    /// What is wrong with the configuration.
    problems: Vec<Problem>,
    /// Whether the last build has failed, which the pages say.
    is_broken: bool,
    /// Whether another version of a handler serves than before the last build.
    has_changed: bool,
    /// Counts builds, so that who asks again knows that there is another one.
    round: Arc<AtomicU64>,
}

impl Bench {
    fn run(mut self) {
        self.build();
        loop {
            let poll = if self.sources.has_events() { RARE_POLL } else { POLL };
            match self.events.1.recv_timeout(poll) {
                Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Event::Built(built)) => self.built(built),
                Ok(Event::Followed(followed)) => self.followed(followed),
                Ok(Event::Files) => {
                    if self.settle() {
                        return;
                    }
                    self.look();
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
            }
        }
    }

    /// Waits until no more happens with files, and does what else there is meanwhile; whether that is to end.
    fn settle(&mut self) -> bool {
        let begun = std::time::Instant::now();
        while begun.elapsed() < LONGEST_SETTLE {
            match self.events.1.recv_timeout(SETTLE) {
                Ok(Event::Files) => {}
                Ok(Event::Built(built)) => self.built(built),
                Ok(Event::Followed(followed)) => self.followed(followed),
                Ok(Event::End) => return true,
                Err(_) => break,
            }
        }
        false
    }

    /// Builds what has changed.
    fn look(&mut self) {
        let mut changed = self.sources.changed();
        if self.is_building {
            // Which cargo writes itself.
            changed.retain(|path| path.file_name().is_none_or(|name| name != "Cargo.lock"));
        }
        if changed.is_empty() {
            return;
        }
        let mounts = self.mounts();
        let (files, sources): (Vec<PathBuf>, Vec<PathBuf>) =
            changed.into_iter().partition(|path| mounts.iter().any(|mount| path.starts_with(mount)));
        if !files.is_empty() {
            self.desk.reload();
        }
        if sources.is_empty() {
            return;
        }
        let written = sources.iter().filter_map(|path| std::fs::metadata(path).ok()?.modified().ok()).max();
        self.saved = self.saved.or(written).or_else(|| Some(SystemTime::now()));
        self.changed.extend(sources);
        match self.is_building {
            true => {
                self.is_outdated = true;
                self.running.cancel();
            }
            false => self.build(),
        }
    }

    /// The folders that are served as they are.
    fn mounts(&self) -> Vec<PathBuf> {
        let site = self.place.site.load();
        let dirs = site.table().routes().filter_map(|route| match &route.target {
            Target::Mount(mount) => mount.dir().canonicalize().ok(),
            _ => None,
        });
        dirs.collect()
    }

    fn build(&mut self) {
        (self.is_building, self.is_outdated) = (true, false);
        self.round.fetch_add(1, Ordering::Relaxed);
        let (names, handlers) = (self.names.clone(), self.handlers.clone());
        let (running, sender) = (self.running.clone(), self.events.0.clone());
        let work = move || {
            // Anew, as there may be other handlers than before.
            let project = Project::open(&names, handlers.as_deref());
            let built = match project {
                Ok(project) => project.build_dev(&running),
                Err(error) => Err(Failure::Refused(format!("{error:#}"))),
            };
            // Nobody builds any more at the end of the process.
            sender.send(Event::Built(built)).ok();
        };
        if let Err(error) = std::thread::Builder::new().name("build".to_owned()).spawn(work) {
            self.is_building = false;
            self.fail("cannot build", &format!("there is no thread for it: {error}"));
        }
    }

    fn built(&mut self, built: Result<Vec<Made>, Failure>) {
        self.is_building = false;
        if self.is_outdated {
            return self.build();
        }
        match built {
            Err(Failure::Cancelled) => {}
            Err(Failure::Refused(text)) => {
                (self.saved, self.changed) = (None, BTreeSet::new());
                self.fail("The handlers cannot be built", &text);
                say("not built; what was served before goes on, and a page shows what is wrong");
            }
            Ok(made) => {
                self.is_broken = false;
                for made in made.iter().filter(|made| made.is_other) {
                    say(&made.to_string());
                }
                self.has_changed = made.iter().any(|made| made.is_other);
                self.sources.learn(std::mem::take(&mut self.changed), self.has_changed);
                self.awaited = made.into_iter().map(|made| (made.name, digest(&made.bytes))).collect();
                self.refused.retain(|name, _| self.awaited.contains_key(name));
                if self.has_changed {
                    self.refused.clear();
                }
                self.served();
            }
        }
    }

    fn followed(&mut self, followed: Followed) {
        match followed {
            Followed::Handler(change) => match change.refused {
                Some(reason) => _ = self.refused.insert(change.handler, reason),
                None => _ = self.refused.remove(&change.handler),
            },
            Followed::Configuration(problems) => self.problems = problems,
        }
        if self.is_building || self.is_broken {
            return;
        }
        let is_awaiting = !self.awaited.is_empty();
        self.served();
        // Another component, route or grant than before, which nobody has built.
        if !is_awaiting && self.desk.trouble().is_none() {
            self.desk.reload();
        }
    }

    /// Says so where all that was built is served, or refused.
    fn served(&mut self) {
        let serving = self.serving();
        let refused = &self.refused;
        self.awaited.retain(|name, digest| serving.get(name) != Some(digest) && !refused.contains_key(name));
        if !self.awaited.is_empty() && self.problems.is_empty() {
            return;
        }
        let wrong: Vec<String> =
            self.refused.values().cloned().chain(self.problems.iter().map(ToString::to_string)).collect();
        if !wrong.is_empty() {
            let trouble = Trouble::Wrong {
                what: "It is built, but cannot be served".to_owned(),
                text: wrong.join("\n"),
            };
            if self.desk.trouble().as_deref() != Some(&trouble) {
                self.desk.set(Some(trouble));
            }
            return;
        }
        let had_trouble = self.desk.trouble().is_some();
        if !had_trouble && !self.has_changed {
            self.saved = None;
            return;
        }
        self.desk.set(None);
        match self.saved.take().and_then(|saved| saved.elapsed().ok()) {
            Some(since) => say(&format!("served {:.1} s after it was saved", since.as_secs_f64())),
            None => say("built and served"),
        }
        if std::mem::take(&mut self.has_changed) {
            self.ask_again();
        }
    }

    /// The digests of the handlers that serve.
    fn serving(&self) -> BTreeMap<String, String> {
        let site = self.place.site.load();
        let handlers = site.table().routes().filter_map(|route| match &route.target {
            Target::Handler { handler, .. } => Some((handler.name().to_owned(), handler.digest().to_owned())),
            _ => None,
        });
        handlers.collect()
    }

    fn ask_again(&self) {
        let Some(address) = self.place.address else { return };
        let (desk, rounds) = (self.desk.clone(), self.round.clone());
        let round = rounds.load(Ordering::Relaxed);
        let work = move || match replay::run(&desk, address, (&rounds, round)) {
            Ok(Some(report)) => say(&report),
            Ok(None) => {}
            Err(error) => tracing::warn!("cannot ask again what was asked: {error:#}"),
        };
        if let Err(error) = std::thread::Builder::new().name("again".to_owned()).spawn(work) {
            tracing::warn!(%error, "cannot ask again what was asked");
        }
    }

    fn fail(&mut self, what: &str, text: &str) {
        self.is_broken = true;
        self.desk.set(Some(Trouble::Wrong { what: what.to_owned(), text: text.to_owned() }));
    }
}

/// Says something to who develops, who looks at the terminal.
fn say(text: &str) {
    eprintln!("{text}");
}
