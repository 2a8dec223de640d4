//! Every metric there is: the one list that the exposition writes from and that the reference is made of.

/// What kind of number a family holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations in buckets.
    Histogram,
}

/// A family of metrics. Its name has no `_total`: that is of the samples of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The name without the suffix of its samples.
    pub name: &'static str,
    /// What kind of number it holds.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// One sentence for an operator.
    pub help: &'static str,
}

impl Family {
    /// The name its samples have; those of a histogram also end with `_bucket`, `_sum` and `_count`.
    pub fn sample(&self) -> String {
        if self.kind == Kind::Counter { format!("{}_total", self.name) } else { self.name.into() }
    }
}

macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(crate) const $constant: Family =
            Family { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };)*
        /// Every family, in the order of the exposition.
        pub const FAMILIES: &[Family] = &[$($constant),*];
    };
}

families! {
    // op-node's, with op-node's labels.
    UP = Gauge "op_node_default_up" [] "1 once the first complete status was published";
    INFO = Gauge "op_node_default_info" ["version"] "Always 1; the version is the label";
    REFS_NUMBER = Gauge "op_node_default_refs_number" ["layer", "type"] "Block numbers of the status";
    REFS_TIME = Gauge "op_node_default_refs_time" ["layer", "type"] "Timestamps of the blocks of the status, in Unix seconds";
    REFS_HASH = Gauge "op_node_default_refs_hash" ["layer", "type"] "First eight bytes of block hashes, read as a little-endian number";
    REFS_SEQNR = Gauge "op_node_default_refs_seqnr" ["type"] "Sequence numbers of the L2 blocks of the status";
    REFS_LATENCY = Gauge "op_node_default_refs_latency" ["layer", "type"] "Timestamp of the block minus the time when it was first seen, in seconds";
    L1_REORG_DEPTH = Histogram "op_node_default_l1_reorg_depth" [] "Depths of the L1 reorgs that clients were shown, in blocks";
    SERVER_REQUESTS = Counter "op_node_default_rpc_server_requests" ["method"] "Calls answered, those of unknown methods together";
    SERVER_DURATION = Histogram "op_node_default_rpc_server_request_duration_seconds" ["method"] "How long answers took to make";
    CLIENT_REQUESTS = Counter "op_node_default_rpc_client_requests" ["method"] "Requests sent to all endpoints, members of a batch counted singly";
    CLIENT_DURATION = Histogram "op_node_default_rpc_client_request_duration_seconds" ["method"] "How long endpoints took to answer";
    CLIENT_RESPONSES = Counter "op_node_default_rpc_client_responses" ["method", "error"] "How requests to endpoints ended: <nil> for success, else the kind of failure";

    // Whether the status can be trusted, and if not, why.
    READY = Gauge "op_status_ready" [] "1 if every needed label is known and fresh, as /readyz says";
    UNREADY = Gauge "op_status_unready" ["reason"] "1 for the reason why the server is not ready";
    AGE = Gauge "op_status_age_seconds" ["label"] "How long ago a source last confirmed this part of the status";
    UNCHANGED = Gauge "op_status_unchanged_seconds" ["label"] "How long this part of the status has been the same block";
    LIMIT = Gauge "op_status_limit_seconds" ["limit"] "The limits beyond which optimism_syncStatus is an error, or /readyz alone for max_lag; 0 is off";
    SEQUENCE = Gauge "op_status_sequence" [] "Number of the snapshot: rises by one with each change that clients can see";
    EPOCH = Gauge "op_status_epoch" ["layer"] "How often this layer was seen to go back: L1 reorgs, decreases of the L2 tip";
    HELD = Gauge "op_status_held_seconds" [] "How long ago the derived half that is held was last borne out by its source; 0 if it is not held";
    TIED = Gauge "op_status_tied_seconds" [] "How long one of two rollup nodes has contradicted the safe head; 0 if none does";
    REASON = Gauge "op_status_reason" ["layer", "kind", "reason"] "1 for the reason why the newest view of the layer was not taken as it came";
    NOT_TAKEN = Counter "op_status_not_taken" ["kind", "reason"] "Views, or parts of them, not taken as they came";

    // The endpoints.
    ENDPOINTS = Gauge "op_status_endpoints" ["layer"] "Configured endpoints";
    AGREEING = Gauge "op_status_l1_agreeing" [] "L1 endpoints that agree on the L1 served";
    SPEAKER = Gauge "op_status_speaker" ["half", "endpoint"] "1 for the endpoint whose view is served";
    STATE = Gauge "op_status_endpoint_state" ["layer", "endpoint", "state"] "1 for the state the endpoint is in, 0 for the others";
    STATE_AGE = Gauge "op_status_endpoint_state_seconds" ["layer", "endpoint"] "How long the endpoint has been in its state";
    HEARD = Gauge "op_status_endpoint_last_heard_seconds" ["layer", "endpoint"] "How long ago the endpoint last gave a view; of L1, one that counted";
    REFUSED = Gauge "op_status_endpoint_refused" ["layer", "endpoint"] "1 if nothing of the endpoint's last view can be true";
    HELD_BACK = Gauge "op_status_endpoint_held_back_seconds" ["layer", "endpoint"] "For how long the endpoint has answered and held the others back; 0 if it does not";
    ENDPOINT_REQUESTS = Counter "op_status_endpoint_requests" ["layer", "endpoint"] "Requests sent to the endpoint";
    ENDPOINT_FAILURES = Counter "op_status_endpoint_failures" ["layer", "endpoint"] "Requests to the endpoint that had no result";

    // The server.
    FAST_PATH = Counter "op_status_fast_path_hits" [] "Requests for optimism_syncStatus answered without parsing all of JSON-RPC";
    SUBSCRIBERS = Gauge "op_status_subscribers" [] "Subscriptions open now";
    FRAMES = Counter "op_status_frames" [] "Frames handed to subscribers";
    SLOW_READERS = Counter "op_status_slow_readers" [] "Clients closed because they did not read in time";
    SHED = Counter "op_status_shed_requests" [] "Connections and requests turned away because a limit was reached";
    SAFE_DB_WRITES = Counter "op_status_safe_db_writes" ["result"] "Writes to the safe head database: written, or failed";
    SAFE_DB_BACKFILLED = Counter "op_status_safe_db_backfilled" [] "Safe heads taken from the nodes' own records where nobody had watched";
    SAFE_DB_BACKFILL_DONE = Gauge "op_status_safe_db_backfill_done" [] "1 once all gaps within --safedb.backfill are closed; 0 also where that is off";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_two_prefixes_and_are_distinct() {
        for (index, family) in FAMILIES.iter().enumerate() {
            let Family { name, .. } = family;
            assert!(name.starts_with("op_node_default_") || name.starts_with("op_status_"), "{name}");
            assert!(!name.ends_with("_total"), "{name}: prometheus-client adds the suffix");
            assert!(FAMILIES[..index].iter().all(|other| other.name != *name), "{name} is there twice");
            assert!(!family.help.ends_with('.'), "{name}");
        }
    }
}
