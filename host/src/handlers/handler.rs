//! A version of a handler: what is known of it, and what its instances on all cores share.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::admission::Admission;
use super::claim::Routes;
use super::component::Kind;
use super::counts::Counts;
use super::grants::Grants;
use super::health::Health;
use super::linking::Program;
use super::needs::Amounts;
use super::tenant::Tenant;
use crate::config::{CompressionConfig, Isolation, Limits};

/// A version of a handler, ready to be called.
pub struct Handler {
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) digest: String,
    pub(super) load_time: OnceLock<Duration>,
    pub(super) kind: Kind,
    pub(super) isolation: Isolation,
    /// Whether a part of it may go on when the call of another part has ended.
    pub(super) is_composed: bool,
    pub(super) routes: Routes,
    /// The function of the component that wraps all of them.
    pub(super) wraps: Option<Arc<str>>,
    pub(super) program: Program,
    pub(super) limits: Limits,
    pub(super) compression: Option<CompressionConfig>,
    pub(super) grants: Arc<Grants>,
    pub(super) admission: Admission,
    pub(super) tenant: Arc<Tenant>,
    /// The instances of all cores that its calls share, where there is a number.
    pub(super) most_instances: Option<u32>,
    /// The calls that an instance takes at once, whether it takes more if need be, and what
    /// it needs of the pool.
    pub(super) calls_at_once: u32,
    pub(super) takes_more: bool,
    pub(super) needs: Amounts,
    pub(super) superseded: AtomicBool,
    pub(super) instances: Arc<AtomicU32>,
    pub(super) health: Health,
    pub(super) counts: Arc<Counts>,
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handler({} {})", self.name, self.digest)
    }
}

impl Handler {
    /// Names this version among all that were ever loaded.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The name: that of the file, without `.wasm`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Likewise, to keep.
    pub fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    /// SHA-256 of the file, the first 12 hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// How long it took to load: to compile, link and try it.
    pub fn load_time(&self) -> Duration {
        self.load_time.get().copied().unwrap_or_default()
    }

    /// Whether both are made of the same bytes and claim the same routes.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest && self.routes == other.routes
    }

    /// What the component speaks.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How its calls share instances.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// The function of the component that wraps all its routes, by name.
    pub fn wraps(&self) -> Option<&str> {
        self.wraps.as_deref()
    }

    /// The instances that all its calls share, where there is a number.
    pub fn most_instances(&self) -> Option<u32> {
        self.most_instances
    }

    /// The calls that an instance takes at once.
    pub(super) fn calls_at_once(&self) -> u32 {
        self.calls_at_once
    }

    /// Whether an instance takes more than that, where there is no other.
    pub(super) fn takes_more(&self) -> bool {
        self.takes_more
    }

    /// What an instance needs of the pool.
    pub(super) fn needs(&self) -> &Amounts {
        &self.needs
    }

    /// The routes it claims.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// Whether and how its responses are compressed.
    pub fn compression(&self) -> Option<&CompressionConfig> {
        self.compression.as_ref()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What it was granted.
    pub(super) fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// The name of the tenant whose limits it shares, where it has one.
    pub fn tenant_name(&self) -> Option<&str> {
        self.tenant.name()
    }

    /// With whom it shares limits.
    pub(super) fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    pub(super) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// How many instances it has, on all cores.
    pub(super) fn instances(&self) -> &Arc<AtomicU32> {
        &self.instances
    }

    /// How its calls fared.
    pub(crate) fn health(&self) -> &Health {
        &self.health
    }

    /// What became of the calls of all its versions.
    pub(super) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Lets it serve again, after another version failed in its place.
    pub(crate) fn reinstate(&self) {
        self.superseded.store(false, Ordering::Relaxed);
    }

    /// Tells the instances that another version, or none, took this one's place.
    pub(crate) fn supersede(&self) {
        self.superseded.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_superseded(&self) -> bool {
        self.superseded.load(Ordering::Relaxed)
    }
}
