//! How the endpoints are doing: `opstatus_sources`, and a part of the readiness.

use std::collections::BTreeMap;

use serde::Serialize;
use status::{Layer, Now, Reason, Snapshot};

use crate::{Endpoint, answers::millis::since};

/// How an endpoint is doing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SourceState {
    endpoint: String,
    layer: &'static str,
    state: &'static str,
    error: Option<String>,
    /// For how long it has been in this state.
    since_ms: u64,
}

impl SourceState {
    pub(crate) fn of(source: &status::SourceState, now: Now) -> Self {
        Self {
            endpoint: source.name.to_string(),
            layer: layer_name(source.layer),
            state: source.health.as_str(),
            error: source.error.clone(),
            since_ms: since(source.since, now),
        }
    }
}

pub(crate) fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::L1 => "l1",
        Layer::L2 => "l2",
        Layer::Sequencer => "sequencer",
    }
}

/// One endpoint of `opstatus_sources`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SourceAnswer {
    #[serde(flatten)]
    state: SourceState,
    /// How it is reached.
    kind: Option<&'static str>,
    /// How long ago it last gave a view; of an L1 endpoint, one that counted in the L1 served.
    last_heard_ms: Option<u64>,
    /// Why nothing of that view can be true, if so.
    refused: Option<&'static str>,
    /// Requests sent to it by method.
    requests: BTreeMap<String, u64>,
}

impl SourceAnswer {
    pub(crate) fn all(snapshot: &Snapshot, now: Now, endpoints: &[Endpoint]) -> Vec<Self> {
        // Of sequencers the snapshot does not tell: no status is made from what they say.
        let asked = endpoints.iter().filter_map(|endpoint| endpoint.state.as_ref());
        let source = |source: &status::SourceState| {
            let endpoint = endpoints.iter().find(|it| (it.layer, it.name.as_str()) == (source.layer, &source.name));
            let heard = snapshot.heard.iter().find(|it| (it.layer, &it.name) == (source.layer, &source.name));
            Self {
                state: SourceState::of(source, now),
                kind: endpoint.map(|endpoint| endpoint.kind),
                last_heard_ms: heard.map(|heard| since(heard.at, now)),
                refused: heard.and_then(|heard| heard.refused).map(Reason::as_str),
                requests: endpoint.map(|endpoint| endpoint.requests.clone()).unwrap_or_default(),
            }
        };
        snapshot.sources.iter().chain(asked).map(source).collect()
    }
}
