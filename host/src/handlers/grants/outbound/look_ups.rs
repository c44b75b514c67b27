//! Names become addresses, on threads that do nothing else: a name server that is silent
//! holds up neither files nor, as long as there are threads, other names.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Names that are looked up at once, in the whole process; further ones wait.
const THREADS: usize = 32;
/// What a look-up needs of a stack.
const STACK_BYTES: usize = 256 << 10;

/// What a name leads to, for all who have asked meanwhile.
type Found = Result<Arc<[IpAddr]>, Arc<str>>;

/// The look-ups that are under way or wait.
pub(super) struct LookUps {
    look_up: fn(&str) -> io::Result<Vec<IpAddr>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Who waits for each name: it is looked up once for all of them.
    asked: HashMap<String, Vec<oneshot::Sender<Found>>>,
    /// Those that no thread has begun with.
    waiting: VecDeque<String>,
    threads: usize,
}

/// As the machine is configured to look names up.
pub(super) static LOOK_UPS: LazyLock<Arc<LookUps>> = LazyLock::new(|| {
    Arc::new(LookUps::new(|name| Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())))
});

impl LookUps {
    fn new(look_up: fn(&str) -> io::Result<Vec<IpAddr>>) -> Self {
        Self { look_up, state: Mutex::default() }
    }

    /// The addresses of `name`.
    pub(super) async fn addresses(self: &Arc<Self>, name: &str) -> io::Result<Arc<[IpAddr]>> {
        let found = self.ask(name);
        match found.await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) => Err(io::Error::new(io::ErrorKind::NotFound, &*error)),
            Err(_) => Err(io::Error::other("the look-up ended without an answer")),
        }
    }

    fn ask(self: &Arc<Self>, name: &str) -> oneshot::Receiver<Found> {
        let (sender, found) = oneshot::channel();
        let mut state = self.lock();
        if let Some(others) = state.asked.get_mut(name) {
            others.retain(|other| !other.is_closed());
            others.push(sender);
            return found;
        }
        state.asked.insert(name.to_owned(), vec![sender]);
        state.waiting.push_back(name.to_owned());
        if state.threads < THREADS {
            let this = self.clone();
            let thread = std::thread::Builder::new().name("look-up".to_owned()).stack_size(STACK_BYTES);
            match thread.spawn(move || this.work()) {
                Ok(_) => state.threads += 1,
                // Those that there are go on.
                Err(_) if state.threads > 0 => {}
                Err(error) => {
                    state.waiting.pop_back();
                    answer(state.asked.remove(name), &Err(error.to_string().into()));
                }
            }
        }
        found
    }

    /// Looks names up until none waits.
    fn work(&self) {
        loop {
            let mut state = self.lock();
            let Some(name) = state.waiting.pop_front() else {
                state.threads -= 1;
                return;
            };
            if state.asked.get(&name).is_none_or(|asked| asked.iter().all(oneshot::Sender::is_closed)) {
                // Nobody waits for it any more.
                state.asked.remove(&name);
                continue;
            }
            drop(state);
            let found = (self.look_up)(&name).map(Arc::from).map_err(|error| error.to_string().into());
            answer(self.lock().asked.remove(&name), &found);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(asked: Option<Vec<oneshot::Sender<Found>>>, found: &Found) {
    for sender in asked.into_iter().flatten() {
        // Some have given up.
        sender.send(found.clone()).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, mpsc};

    use super::*;

    #[tokio::test]
    async fn a_name_is_looked_up_once_for_all_who_ask_meanwhile() {
        static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
        static TIMES: AtomicUsize = AtomicUsize::new(0);
        let look_ups = Arc::new(LookUps::new(|name| {
            TIMES.fetch_add(1, Ordering::SeqCst);
            drop(GATE.1.wait_while(GATE.0.lock().unwrap(), |open| !*open).unwrap());
            if name == "none" {
                Err(io::Error::other("no such name"))
            } else {
                Ok(vec![[192, 0, 2, 1].into()])
            }
        }));
        let asked: Vec<_> = (0..20).map(|_| look_ups.ask("a")).collect();
        let none = look_ups.ask("none");
        *GATE.0.lock().unwrap() = true;
        GATE.1.notify_all();
        for found in asked {
            assert_eq!(*found.await.unwrap().unwrap(), [IpAddr::from([192, 0, 2, 1])]);
        }
        assert_eq!(&*none.await.unwrap().unwrap_err(), "no such name");
        assert_eq!(TIMES.load(Ordering::SeqCst), 2);
        // Later it is asked for anew.
        look_ups.addresses("a").await.unwrap();
        assert_eq!(TIMES.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn silent_names_are_bounded_and_those_that_nobody_waits_for_are_not_asked_for() {
        static SILENT: Mutex<Option<mpsc::Receiver<()>>> = Mutex::new(None);
        static BEGUN: AtomicUsize = AtomicUsize::new(0);
        let (end, silent) = mpsc::channel::<()>();
        *SILENT.lock().unwrap() = Some(silent);
        let look_ups = Arc::new(LookUps::new(|_| {
            BEGUN.fetch_add(1, Ordering::SeqCst);
            SILENT.lock().unwrap().as_ref().map(mpsc::Receiver::recv);
            Ok(Vec::new())
        }));
        let begun: Vec<_> = (0..THREADS).map(|number| look_ups.ask(&number.to_string())).collect();
        let left: Vec<_> = (0..100).map(|number| look_ups.ask(&format!("left{number}"))).collect();
        assert_eq!(look_ups.lock().threads, THREADS);
        drop(left);
        let last = look_ups.ask("last");
        drop(end);
        begun.into_iter().for_each(|found| drop(found.blocking_recv().unwrap()));
        last.blocking_recv().unwrap().unwrap();
        assert_eq!(BEGUN.load(Ordering::SeqCst), THREADS + 1);
        assert!(look_ups.lock().asked.is_empty());
    }
}
