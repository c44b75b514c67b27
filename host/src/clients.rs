//! What each client has asked for lately, and the connections that it has.
//!
//! A client is an address, or in IPv6 a network of 64 bits, which is what one customer gets at
//! least. What is remembered of it is when its next request would be due if all had come evenly
//! (the generic cell rate algorithm): a number, which is forgotten as soon as it says nothing.

use std::hash::{BuildHasher as _, BuildHasherDefault};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHasher};

use crate::config::Rate;

/// Clients are spread over so many maps, so that cores seldom wait for each other.
const SHARDS: usize = 16;
/// How many clients a map remembers; of more, those that come are let in.
const MOST: usize = 16 << 10;
/// How often it is looked which of them can be forgotten, at most.
const SWEEP: Duration = Duration::from_secs(1);

/// When the next request of each client is due.
#[derive(Debug)]
pub struct Clients {
    begun: Instant,
    shards: [Mutex<Shard>; SHARDS],
}

/// A part of them; times are since the server began.
#[derive(Debug, Default)]
struct Shard {
    due: FxHashMap<u128, Duration>,
    /// When those that say nothing any more may be forgotten next.
    sweep: Duration,
}

impl Default for Clients {
    fn default() -> Self {
        Self { begun: Instant::now(), shards: Default::default() }
    }
}

impl Clients {
    /// Counts a request of `client`.
    ///
    /// # Errors
    ///
    /// How long the client should wait, if it comes too soon for this `rate`.
    pub fn ask(&self, client: IpAddr, rate: Rate, now: Instant) -> Result<(), Duration> {
        let now = now.saturating_duration_since(self.begun);
        let key = key(client);
        let shard = BuildHasherDefault::<FxHasher>::default().hash_one(key) as usize % SHARDS;
        let Some(shard) = self.shards.get(shard) else { return Ok(()) };
        let mut shard = lock(shard);
        let Shard { due, sweep } = &mut *shard;
        if due.len() >= MOST && !due.contains_key(&key) {
            if *sweep > now {
                return Ok(());
            }
            *sweep = now + SWEEP;
            due.retain(|_, due| *due > now);
            if due.len() >= MOST {
                return Ok(());
            }
        }
        let next = due.entry(key).or_insert(now);
        let early = (*next).max(now) - now;
        // The first of a burst is not early.
        let most = rate.interval * rate.burst.saturating_sub(1);
        if early > most {
            return Err(early - most);
        }
        *next = (*next).max(now) + rate.interval;
        Ok(())
    }
}

/// The connections of each peer.
#[derive(Debug, Default)]
pub struct Peers(Arc<Mutex<FxHashMap<u128, u32>>>);

impl Peers {
    /// A place among the connections of `peer`; none where it has as many as it may.
    pub fn place(&self, peer: IpAddr, most: u32) -> Option<PeerPlace> {
        let key = key(peer);
        let mut connections = lock(&self.0);
        let count = connections.entry(key).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(PeerPlace { peers: self.0.clone(), key })
    }
}

/// A place that is given back when it is dropped.
#[derive(Debug)]
pub struct PeerPlace {
    peers: Arc<Mutex<FxHashMap<u128, u32>>>,
    key: u128,
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let mut connections = lock(&self.peers);
        if let Some(count) = connections.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                connections.remove(&self.key);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One for all addresses of a client.
fn key(client: IpAddr) -> u128 {
    match client.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => Ipv6Addr::to_bits(address) & (u128::MAX << 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { interval: Duration::from_millis(100), burst: 3 };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_burst_then_one_an_interval() {
        let clients = Clients::default();
        let at = |milliseconds| clients.begun + Duration::from_millis(milliseconds);
        let ask = |milliseconds| clients.ask(ip("10.0.0.1"), RATE, at(milliseconds));
        assert_eq!([ask(0), ask(0), ask(0)], [Ok(()); 3]);
        assert_eq!(ask(0), Err(Duration::from_millis(100)));
        assert_eq!(ask(60), Err(Duration::from_millis(40)));
        assert_eq!([ask(100), ask(100)], [Ok(()), Err(Duration::from_millis(100))]);
        // After a rest, the burst again and no more.
        assert_eq!([ask(5000), ask(5000), ask(5000)], [Ok(()); 3]);
        assert!(ask(5000).is_err());
        assert!(clients.ask(ip("10.0.0.2"), RATE, at(5000)).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_an_address_of_ipv4_is_one() {
        assert_eq!(key(ip("2001:db8::1")), key(ip("2001:db8::ffff:ffff:ffff:ffff")));
        assert_ne!(key(ip("2001:db8::1")), key(ip("2001:db8:0:1::1")));
        assert_ne!(key(ip("10.0.0.1")), key(ip("10.0.0.2")));
        assert_eq!(key(ip("10.0.0.1")), key(ip("::ffff:10.0.0.1")));
    }

    #[test]
    fn so_many_are_remembered_and_those_that_rest_are_not() {
        let clients = Clients::default();
        let many = u32::try_from(2 * MOST * SHARDS).unwrap();
        for n in 0..many {
            let client = IpAddr::from(n.to_be_bytes());
            clients.ask(client, RATE, clients.begun).unwrap();
        }
        let remembered = || clients.shards.iter().map(|shard| lock(shard).due.len()).sum::<usize>();
        assert!(remembered() <= MOST * SHARDS);
        let later = clients.begun + Duration::from_secs(1);
        for n in many..many + 10_000 {
            clients.ask(IpAddr::from(n.to_be_bytes()), RATE, later).unwrap();
        }
        assert!(remembered() <= 10_000, "{}", remembered());
    }

    #[test]
    fn places_are_given_back() {
        let peers = Peers::default();
        let first = peers.place(ip("10.0.0.1"), 2);
        let second = peers.place(ip("10.0.0.1"), 2);
        assert!(first.is_some() && second.is_some());
        assert!(peers.place(ip("10.0.0.1"), 2).is_none());
        assert!(peers.place(ip("10.0.0.2"), 2).is_some());
        drop(first);
        assert!(peers.place(ip("10.0.0.1"), 2).is_some());
        drop(second);
        assert!(lock(&peers.0).is_empty());
    }
}
