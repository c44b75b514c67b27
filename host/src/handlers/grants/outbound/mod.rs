//! Outbound HTTP: granted origins only, over pooled connections.
//!
//! A client belongs to a core, since its connections are driven by the core's
//! runtime; all instances of the core share it. `http://self` is this server, without
//! the network between. A name that resolves to a private address is refused: who means
//! such an address lists it.

mod connect;
pub(super) mod host;
pub(crate) mod keys;
mod look_ups;
mod origin;
mod pipe;
mod resolver;
mod response;
mod send;
mod stand_in;
mod this_server;
mod wasi;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use wasmtime_wasi_http::WasiBody;

use self::connect::Connector;
use self::origin::OriginPattern;
pub(in crate::handlers) use self::send::{Outbound, of_call};
use self::stand_in::StandInConnector;
pub use self::stand_in::{StandInConnection, StandIns};
pub use self::this_server::SelfConnections;
use self::this_server::SelfConnector;
use super::grant::{Grant, Grantee, Wanted};
use crate::handlers::permits::Permits;

const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A core's pool of outbound connections.
#[derive(Debug, Clone)]
pub(in crate::handlers) struct OutboundClient {
    others: Others,
    this_server: Option<(Client<SelfConnector, WasiBody>, SocketAddr)>,
}

/// How other servers are reached.
#[derive(Debug, Clone)]
enum Others {
    Network(Client<Connector, WasiBody>),
    StandIns(Client<StandInConnector, WasiBody>),
}

impl OutboundClient {
    /// For a core; `this_server` takes its connections to itself, which as others see it is at
    /// its address, and `stand_ins` those to others, where it is not the network.
    pub(in crate::handlers) fn new(
        this_server: Option<(SelfConnections, SocketAddr)>,
        stand_ins: Option<&StandIns>,
    ) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            // As many as requests were under way at once, which `outbound_calls` bounds: with fewer,
            // who has more at once makes connections all the time.
            .pool_idle_timeout(IDLE_TIMEOUT);
        let others = match stand_ins {
            None => Others::Network(builder.build(Connector::new())),
            Some(to) => Others::StandIns(builder.build(StandInConnector(to.clone()))),
        };
        let this_server = this_server.map(|(to, address)| (builder.build(SelfConnector(to)), address));
        Self { others, this_server }
    }
}

/// The origins that a handler was granted.
pub(in crate::handlers) type Origins = Arc<Granted>;

/// What the instances of a handler share.
pub(in crate::handlers) struct Granted {
    handler: Arc<str>,
    origins: Vec<OriginPattern>,
    /// A permit for each request at once.
    permits: Permits,
}

impl Grant for Origins {
    const IMPORTS: &'static [&'static str] = &[
        "patchboard:handler/outbound@",
        "patchboard:handler/outbound-futures@",
        "wasi:http/client@",
        "wasi:http/outgoing-handler@",
    ];
    type Shared = ();

    fn check_shared(wanted: &Wanted<'_>) -> Result<(), String> {
        match wanted.list(|name| name.starts_with("wasi:http/") && name.contains("@0.2.")) {
            Some(list) => {
                Err(wanted.would_hold(&list, "patchboard:handler/outbound or wasi:http 0.3's client"))
            }
            None => Ok(()),
        }
    }

    fn grant(to: &Grantee<'_>, _: &()) -> Self {
        Arc::new(Granted {
            handler: to.handler.into(),
            origins: to.config.outbound.origins.clone(),
            permits: Permits::new(to.config.outbound.calls, to.outbound_calls),
        })
    }
}
