//! What one node says about itself at one moment.

use futures::join;
use rollup::SyncStatus;
use upstream::{CallError, Client, Endpoint};

use super::snapshot::Snapshot;

/// The answers of a node.
#[derive(Debug)]
pub(crate) struct Report {
    /// Who answers, without secrets.
    pub(crate) endpoint: String,
    /// What `optimism_syncStatus` answers.
    pub(crate) status: Result<SyncStatus, CallError>,
    /// What `opstatus_snapshot` answers; none where the node is no op-status. The error says why it cannot be read.
    pub(crate) snapshot: Result<Option<Snapshot>, String>,
}

impl Report {
    /// Asks both at once. A node that cannot be asked is reported as such.
    pub(crate) async fn ask(endpoint: &Endpoint) -> Self {
        let (status, snapshot) = match endpoint.connect().await {
            Ok(client) => join!(client.call("optimism_syncStatus", ()), snapshot(&client)),
            Err(error) => (Err(error), Ok(None)),
        };
        Self { endpoint: endpoint.name().to_owned(), status, snapshot }
    }

    /// What an op-status tells beside the status.
    pub(crate) fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref().ok().and_then(Option::as_ref)
    }

    /// The refs to show. An op-status tells them with everything else it knows at that moment, even when
    /// `optimism_syncStatus` withholds them as stale.
    pub(crate) fn shown(&self) -> Option<&SyncStatus> {
        self.snapshot().map(|snapshot| &snapshot.status).or(self.status.as_ref().ok())
    }
}

async fn snapshot(client: &Client) -> Result<Option<Snapshot>, String> {
    match client.call("opstatus_snapshot", ()).await {
        Ok(raw) => Snapshot::read(raw).map(Some).map_err(|error| format!("undecodable answer: {error}")),
        Err(error) if error.is_method_missing() => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
