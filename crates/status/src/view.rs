//! What sources observe: complete views, never deltas, so that losing, repeating or merging events is harmless.

use std::{sync::Arc, time::Duration};

use rollup::{BlockId, L1BlockRef, L2BlockRef, SafeHead};
use tokio::time::Instant;

use crate::Chain;

/// The name of an endpoint as operators see it: scheme and host, never a path or a credential.
pub type SourceName = Arc<str>;

/// What a source tells the fold. Closed on purpose: everything that can change the status is in this list.
#[derive(Clone, Debug)]
pub enum Event {
    /// The L1 as its endpoints agree on it.
    L1(L1View),
    /// The L2 as one source sees it.
    L2(L2View),
    /// How an endpoint is doing.
    Source(SourceState),
}

/// The L1 at one moment.
#[derive(Clone, Debug)]
pub struct L1View {
    /// The canonical chain, ending at the head.
    pub refs: Arc<Chain>,
    /// The block with the `safe` label; zero while unknown.
    pub safe: L1BlockRef,
    /// The block with the `finalized` label; zero while unknown.
    pub finalized: L1BlockRef,
    /// When the head was last confirmed by the endpoints.
    pub head_confirmed: Instant,
    /// When the safe and finalized labels were last confirmed; none while unknown.
    pub labels_confirmed: Option<Instant>,
    /// The endpoints that agree on it.
    pub sources: Vec<SourceName>,
    /// Whether endpoints contradict each other about a finalized block and nobody can tell who is right: then this is
    /// what was known before, and nothing of it is confirmed.
    pub contradicted: bool,
    /// An endpoint that answers and stands still while the others go on, so that what needs it stands too.
    pub held_back: Option<HeldBack>,
}

/// A source that answers and holds the others back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// What it serves.
    pub layer: Layer,
    /// Which endpoint.
    pub source: SourceName,
    /// Since when without interruption.
    pub since: Instant,
}

impl L1View {
    /// The L1 head.
    pub fn head(&self) -> L1BlockRef {
        self.refs.head()
    }
}

/// The half of a view that L1 decides: taken or held whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Derived {
    /// Everything in L1 blocks below this one is reflected in `safe`.
    pub current_l1: BlockId,
    /// Derived wholly from finalized L1 blocks.
    pub finalized: L2BlockRef,
    /// Derived and cross-verified.
    pub safe: L2BlockRef,
    /// Derived from local data; equal to `safe` before interop.
    pub local_safe: L2BlockRef,
    /// From a batch whose span is not complete.
    pub pending_safe: L2BlockRef,
}

/// The half of a view that the sequencer decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tip {
    /// The L2 head.
    pub unsafe_l2: L2BlockRef,
    /// Cross-verified head; equal to `unsafe_l2` before interop.
    pub cross_unsafe: L2BlockRef,
}

/// What kind of source a view is from. In order of authority: a later kind speaks only while all earlier are silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Profile {
    /// `optimism_syncStatus` of a node that derives by itself. Derivers vote.
    Deriver,
    /// `optimism_syncStatus` of a node that follows others, a light node or an op-status: an echo, so it never votes.
    Follower,
    /// Labels of an execution client: `current_l1` is the L1 origin of safe, a true lower bound.
    ExecutionClient,
}

/// What a source tells of the highest L1 block that its safe head can have been derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `current_l1`: everything below that block is derived, and nothing above it.
    CurrentL1,
    /// The L1 block of this height. `current_l1` is only the L1 origin of safe.
    At(u64),
    /// Nothing. `current_l1` is only the L1 origin of safe.
    Untold,
}

/// The L2 as one source sees it, at one moment.
#[derive(Clone, Debug)]
pub struct L2View {
    /// The derived half.
    pub derived: Derived,
    /// The tip.
    pub tip: Tip,
    /// Evidence: the blocks our L1 has at the heights this view names below the canonical refs.
    pub old_l1: Vec<L1BlockRef>,
    /// The source's own L1 head; zero if it has none.
    pub head_l1: BlockId,
    /// What kind of source this is.
    pub profile: Profile,
    /// Whether its `current_l1` is its own word and counts in the vote, not the L1 origin of its safe head.
    pub votes: bool,
    /// Whether that was found out by what the source serves, not declared. The fold may find otherwise.
    pub found_out: bool,
    /// What it tells of how far its safe head can have been derived.
    pub bound: Bound,
    /// Evidence, where nothing is served yet and `finalized` is ahead of our L1: the newest block of this source whose
    /// L1 origin our finalized L1 block bears out.
    pub borne_out: Option<L2BlockRef>,
    /// Evidence: the block this source has at the height of the safe head served when it was asked.
    pub at_safe: Option<BlockId>,
    /// The source's own `optimism_safeHeadAtL1Block`, oldest first: complete from the first L1 block here to the one below
    /// `current_l1`. Empty where it is not known.
    pub safe_heads: Arc<[SafeHead]>,
    /// Unix time when the source said so.
    pub unix: Duration,
    /// Which endpoint this is.
    pub source: SourceName,
    /// When the source said so; of one that tells ages, when its own sources last confirmed the tip.
    pub confirmed: Instant,
    /// When the sources of a source that tells ages last confirmed the derived half.
    pub derived_confirmed: Option<Instant>,
}

impl L2View {
    /// Whether every head that must be known is: only the zero hash is unset, genesis is a value.
    pub fn is_set(&self) -> bool {
        let Derived { current_l1, finalized, safe, local_safe, .. } = &self.derived;
        !current_l1.is_zero() && [finalized, safe, local_safe, &self.tip.unsafe_l2].iter().all(|head| !head.is_zero())
    }
}

/// Which side of the bridge an endpoint serves, or that it is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// L1.
    L1,
    /// L2.
    L2,
    /// Of L2, and only asked whether it is active.
    Sequencer,
}

/// The state of an endpoint as an operator reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// Opening a connection.
    Connecting,
    /// Checking chain id and genesis.
    Verifying,
    /// Delivering.
    Live,
    /// Delivering, but behind the other endpoints.
    Lagging,
    /// Delivering other blocks than the other endpoints.
    Conflicting,
    /// Open, but silent for too long.
    Stalled,
    /// Not answering, or answering with errors.
    Unreachable,
    /// Serving another chain.
    WrongChain,
}

impl Health {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Connecting,
        Self::Verifying,
        Self::Live,
        Self::Lagging,
        Self::Conflicting,
        Self::Stalled,
        Self::Unreachable,
        Self::WrongChain,
    ];

    /// The word shown in logs, metrics and RPC answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Verifying => "verifying",
            Self::Live => "live",
            Self::Lagging => "lagging",
            Self::Conflicting => "conflicting",
            Self::Stalled => "stalled",
            Self::Unreachable => "unreachable",
            Self::WrongChain => "wrong-chain",
        }
    }
}

/// How one endpoint is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// Which endpoint.
    pub name: SourceName,
    /// What it serves.
    pub layer: Layer,
    /// Its state.
    pub health: Health,
    /// Why, when it is not live; no secrets.
    pub error: Option<String>,
    /// When it entered this state.
    pub since: Instant,
}
