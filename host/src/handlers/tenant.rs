//! Handlers that have limits together: a tenant's, or one handler's that has none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

use super::sum::Sum;
use crate::config::TenantConfig;

/// What handlers of a tenant share; a handler that has none shares it with nobody.
#[derive(Debug)]
pub(super) struct Tenant {
    name: Option<String>,
    /// The weight of its calls among those that compute.
    pub(super) cpu_share: u32,
    /// Its calls at once, where they are limited.
    pub(super) calls: Option<Arc<Semaphore>>,
    /// Its outbound requests at once, likewise.
    pub(super) outbound_calls: Option<Arc<Semaphore>>,
    /// What its handlers have of memory, and may have, where that is limited.
    pub(super) memory: Option<(Sum, u64)>,
}

impl Tenant {
    /// Of a handler that has none.
    pub(super) fn none() -> Arc<Self> {
        Arc::new(Self { name: None, cpu_share: 1, calls: None, outbound_calls: None, memory: None })
    }

    fn new(config: &TenantConfig) -> Arc<Self> {
        let permits = |limit: Option<u32>| limit.map(|limit| Arc::new(Semaphore::new(limit as usize)));
        Arc::new(Self {
            name: Some(config.name.clone()),
            cpu_share: config.cpu_share,
            calls: permits(config.calls),
            outbound_calls: permits(config.outbound_calls),
            memory: config.total_memory_bytes.map(|limit| (Sum::default(), limit)),
        })
    }

    /// Its name, where there is one.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// The tenants of handlers that live. Two that are configured alike are one, so that a
/// handler which is loaded anew shares what the others of its tenant have.
#[derive(Debug, Default)]
pub(super) struct Tenants(Mutex<HashMap<TenantConfig, Weak<Tenant>>>);

impl Tenants {
    /// The tenant that is configured so.
    pub(super) fn of(&self, config: Option<&TenantConfig>) -> Arc<Tenant> {
        let Some(config) = config else { return Tenant::none() };
        let mut tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.retain(|_, tenant| tenant.strong_count() > 0);
        if let Some(tenant) = tenants.get(config).and_then(Weak::upgrade) {
            return tenant;
        }
        let tenant = Tenant::new(config);
        tenants.insert(config.clone(), Arc::downgrade(&tenant));
        tenant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_of_a_tenant_share_it_while_one_lives() {
        let tenants = Tenants::default();
        let config = TenantConfig { name: "a".to_owned(), calls: Some(3), ..TenantConfig::default() };
        let first = tenants.of(Some(&config));
        assert!(Arc::ptr_eq(&first, &tenants.of(Some(&config))));
        let other = TenantConfig { calls: Some(4), ..config.clone() };
        assert!(!Arc::ptr_eq(&first, &tenants.of(Some(&other))), "another limit");
        assert!(!Arc::ptr_eq(&tenants.of(None), &tenants.of(None)));
        drop(first);
        assert_eq!(tenants.of(Some(&config)).name(), Some("a"));
        assert_eq!(tenants.0.lock().unwrap().len(), 1, "those of the others are forgotten");
    }
}
