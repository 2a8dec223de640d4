//! What the endpoints agree on.

use std::sync::Arc;

use rollup::L1BlockRef;
use status::{Chain, L1View, SourceName};
use tokio::time::Instant;

/// What one endpoint says of the L1.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Which endpoint.
    pub source: SourceName,
    /// Its canonical chain, ending at its head.
    pub refs: Arc<Chain>,
    /// Its `safe` block; zero while unknown.
    pub safe: L1BlockRef,
    /// Its `finalized` block; zero while unknown.
    pub finalized: L1BlockRef,
    /// When it last named this head.
    pub head_confirmed: Instant,
    /// When it last named these labels; none while unknown.
    pub labels_confirmed: Option<Instant>,
}

/// The L1 on which these endpoints agree, given in the order of configuration; none without any observation.
///
/// One endpoint is taken at its word. Of several the first one speaks: they do not vote yet.
pub fn agree(observations: &[Observation]) -> Option<L1View> {
    let first = observations.first()?;
    Some(L1View {
        refs: first.refs.clone(),
        safe: first.safe,
        finalized: first.finalized,
        head_confirmed: first.head_confirmed,
        labels_confirmed: first.labels_confirmed,
        sources: vec![first.source.clone()],
    })
}
