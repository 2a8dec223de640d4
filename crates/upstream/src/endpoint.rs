//! One JSON-RPC endpoint, and how it is reached.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use alloy_pubsub::{PubSubConnect, PubSubFrontend};
use alloy_transport::{BoxTransport, TransportResult};
use futures::future::BoxFuture;
use tokio::time::timeout;

use crate::{
    CallError, Client, EndpointError, Options, Traffic,
    address::Address,
    http::Http,
    ipc::Ipc,
    once::Once,
    pace::Pace,
    secrets::Secrets,
    ws::{Cause, WebSocket},
};

/// The transport of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// http or https: requests only, one round trip per batch.
    Http,
    /// ws or wss.
    WebSocket,
    /// A socket of this machine.
    Ipc,
    /// A transport within this process, as in simulated worlds.
    InProcess,
}

impl Kind {
    /// The word shown for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::WebSocket => "ws",
            Self::Ipc => "ipc",
            Self::InProcess => "in-process",
        }
    }
}

/// An endpoint that can be connected to, again and again. Cheap to clone; clones count their requests together.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) shared: Arc<Shared>,
    /// What its operator calls it.
    called: Option<Arc<str>>,
    reach: Reach,
}

/// What an endpoint and all its clients have in common.
pub(crate) struct Shared {
    pub name: String,
    pub kind: Kind,
    pub options: Options,
    pub secrets: Secrets,
    pub pace: Option<Pace>,
    traffic: Mutex<Traffic>,
}

#[derive(Clone)]
enum Reach {
    /// Connects by itself, when first needed.
    Requests(BoxTransport),
    /// A connection to be opened, with the place where the cause of its end will be found.
    Connection(Arc<dyn Fn(Cause) -> BoxFuture<'static, TransportResult<PubSubFrontend>> + Send + Sync>),
}

impl Reach {
    fn connection<C: PubSubConnect>(connector: impl Fn(Cause) -> C + Send + Sync + 'static) -> Self {
        Self::Connection(Arc::new(move |cause| Box::pin(Once(connector(cause)).into_service())))
    }
}

impl Endpoint {
    /// Reads `http://`, `https://`, `ws://`, `wss://`, `file:///path` or the path of an IPC socket.
    ///
    /// User and password in the URL become basic authentication. Nothing is sent yet.
    pub fn parse(url: &str, options: Options) -> Result<Self, EndpointError> {
        match Address::parse(url)? {
            Address::Ipc(path) => {
                let name = format!("ipc:{}", path.display());
                let (called, with) = (name.clone(), options.clone());
                let reach = Reach::connection(move |cause| Ipc {
                    path: path.clone(),
                    name: called.clone(),
                    options: with.clone(),
                    cause,
                });
                Ok(Self::new(name, Kind::Ipc, options, Secrets::default(), reach))
            }
            Address::Remote(remote) if remote.url.scheme().starts_with("http") => {
                let http = Http::new(remote.clone(), options.clone())?;
                Ok(Self::new(
                    remote.name,
                    Kind::Http,
                    options,
                    remote.secrets,
                    Reach::Requests(BoxTransport::new(http)),
                ))
            }
            Address::Remote(remote) => {
                let (name, secrets) = (remote.name.clone(), remote.secrets.clone());
                let with = options.clone();
                let reach =
                    Reach::connection(move |cause| WebSocket { remote: remote.clone(), options: with.clone(), cause });
                Ok(Self::new(name, Kind::WebSocket, options, secrets, reach))
            }
        }
    }

    /// What may be shown of a URL: scheme, host and port, or the path of an IPC socket.
    pub fn shown(url: &str) -> Result<String, EndpointError> {
        Ok(match Address::parse(url)? {
            Address::Ipc(path) => path.display().to_string(),
            Address::Remote(remote) => remote.name,
        })
    }

    /// An endpoint over a transport of alloy's, for requests only.
    pub fn over(name: &str, transport: BoxTransport, options: Options) -> Self {
        Self::new(name.into(), Kind::InProcess, options, Secrets::default(), Reach::Requests(transport))
    }

    /// An endpoint over a connector of alloy's, which opens each connection. alloy is kept from reconnecting by itself.
    pub fn over_pubsub<C: PubSubConnect + Clone>(name: &str, connect: C, options: Options) -> Self {
        let reach = Reach::connection(move |_| connect.clone());
        Self::new(name.into(), Kind::InProcess, options, Secrets::default(), reach)
    }

    fn new(name: String, kind: Kind, options: Options, secrets: Secrets, reach: Reach) -> Self {
        let pace = Pace::new(options.rate_limit);
        Self {
            shared: Arc::new(Shared { name, kind, options, secrets, pace, traffic: Mutex::default() }),
            called: None,
            reach,
        }
    }

    /// The same endpoint by the name its operator gave it.
    pub fn named(self, name: &str) -> Self {
        Self { called: Some(name.into()), ..self }
    }

    /// Scheme, host and port, or the path of an IPC socket; without user-info, path and query of a URL. Or the name
    /// given by [`named`](Self::named).
    pub fn name(&self) -> &str {
        self.called.as_deref().unwrap_or(&self.shared.name)
    }

    /// The transport.
    pub fn kind(&self) -> Kind {
        self.shared.kind
    }

    /// Whether subscriptions can work here.
    pub fn subscribes(&self) -> bool {
        matches!(self.reach, Reach::Connection(_))
    }

    /// Opens a connection, within the timeout. HTTP connects when the first call needs it, so this cannot fail there.
    pub async fn connect(&self) -> Result<Client, CallError> {
        let open = match &self.reach {
            Reach::Requests(transport) => {
                return Ok(Client::new(self.shared.clone(), transport.clone(), Cause::default()));
            }
            Reach::Connection(open) => open,
        };
        let cause = Cause::default();
        let after = self.shared.options.timeout;
        let frontend = timeout(after, open(cause.clone()))
            .await
            .map_err(|_| CallError::Timeout { what: "connect", after })?
            .map_err(|error| match CallError::from_transport("connect", error, &self.shared.secrets) {
                CallError::Transport(why) => CallError::Transport(format!("cannot connect to {}: {why}", self.name())),
                other => other,
            })?;
        Ok(Client::new(self.shared.clone(), frontend, cause))
    }

    /// Requests sent so far, by method. The members of a batch are counted singly.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.shared.traffic().iter().map(|(method, traffic)| ((*method).to_owned(), traffic.requests)).collect()
    }

    /// What was asked so far and what came of it, by method.
    pub fn traffic(&self) -> Traffic {
        self.shared.traffic().clone()
    }
}

impl Shared {
    pub(crate) fn count(&self, method: &'static str) {
        self.traffic().entry(method).or_default().requests += 1;
    }

    /// Takes note of how a call ended.
    pub(crate) fn ended(&self, method: &'static str, duration: Duration, error: Option<&CallError>) {
        self.traffic().entry(method).or_default().ended(duration, error);
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.shared.name)
    }
}
