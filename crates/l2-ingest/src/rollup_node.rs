//! A rollup node as a source: its sync status, as a view.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use futures::Stream;
use rollup::{BlockId, L1BlockRef, RollupConfig, SafeHead};
use serde::Deserialize;
use serde_json::Value;
use status::{Bound, Bug, Derived, Event, Health, L2View, Profile, Tip};
use tokio::{sync::Mutex, time::timeout};
use upstream::{CallError, Client};

use crate::{
    Config,
    cue::Cue,
    fault::Fault,
    follow::{Source, follow},
    op_status::{OpStatus, Said},
    safe_heads::{Recorded, SafeHeads},
    same_rollup::difference,
};

const PACE: Duration = Duration::from_secs(1);

/// How long a view waits for the comparison at the safe head served.
const COMPARING: Duration = Duration::from_secs(2);

/// The part of an output root's answer that is compared.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    block_ref: BlockId,
}

/// What stands for a node's `current_l1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CurrentL1 {
    /// What it says, as op-node means it.
    #[default]
    Node,
    /// The L1 origin of its safe head, a true lower bound: for nodes that report their L1 head there, as kona-node
    /// does. One answer cannot tell such a node from an op-node that has derived everything.
    Origin,
}

/// What a rollup node is to us.
#[derive(Clone)]
pub struct Node {
    /// What stands for its `current_l1`.
    pub current_l1: CurrentL1,
    /// Whether it follows other nodes instead of deriving by itself: an echo, which never votes.
    pub follower: bool,
    /// The safe head that is served; zero while there is none. A node that is past it is asked which block it has
    /// there, and its records are held against it.
    pub safe_served: Arc<dyn Fn() -> BlockId + Send + Sync>,
    /// What is recorded of safe heads, if it is asked for them as its `current_l1` moves on. Without effect where that is
    /// not its own word.
    pub safe_heads: Option<Recorded>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("current_l1", &self.current_l1)
            .field("follower", &self.follower)
            .field("safe_heads", &self.safe_heads)
            .finish_non_exhaustive()
    }
}

/// Views of what a rollup node answers to `optimism_syncStatus`, both halves from the same answer.
///
/// `l1` answers which block our L1 has at a height; what it answers for the heights of a view goes with the view. Each
/// answer is delivered as it is: unset heads are passed on as unset, a rewound status as rewound. An answer that is no
/// sync status, or an error such as an op-status with stale news gives, is a fault and never a view.
///
/// On each connection the node's `optimism_rollupConfig` is compared with ours; a difference makes the endpoint's
/// state [`WrongChain`](status::Health::WrongChain), with an error that names the field. A node that does not serve
/// its configuration cannot be checked: of another rollup it would then be refused for its L1 origins only.
///
/// A follower that is an op-status is read with its ages, by its feed where the connection carries one: `op_status.rs`.
///
/// Where the node has derived past the safe head that is served, its own `optimism_outputAtBlock` tells which block it
/// has there, so that nodes are compared at one height. A node that does not answer that is not compared.
///
/// Where its safe heads are wanted, each move of its `current_l1` is followed by its own `optimism_safeHeadAtL1Block`,
/// walked back to what is known, or recorded. What is known outlives a connection.
pub fn watch_rollup_node<F, Fut>(config: Config, node: Node, l1: F) -> impl Stream<Item = Event> + Send
where
    F: Fn(u64) -> Fut + Send + Sync,
    Fut: Future<Output = Option<L1BlockRef>> + Send,
{
    let l1 = Arc::new(l1);
    let ours = l1.clone();
    let walk = |recorded| SafeHeads::new(config.endpoint.name().into(), config.rollup.clone(), recorded);
    let safe_heads = node.safe_heads.clone().map(|recorded| Arc::new(Mutex::new(walk(recorded))));
    let of_node = config.clone();
    let open = move |client| RollupNode::open(of_node.clone(), node.clone(), client, l1.clone(), safe_heads.clone());
    follow(config, open, move |number| ours(number))
}

/// How its status is read.
enum Reads {
    /// By asking for it.
    SyncStatus(Cue),
    /// With its ages.
    OpStatus(OpStatus),
}

/// A connected rollup node of our rollup.
struct RollupNode<F> {
    config: Config,
    node: Node,
    client: Client,
    reads: Reads,
    /// The last height at which it was asked for its block, and what it answered.
    compared: Option<(BlockId, Option<BlockId>)>,
    l1: Arc<F>,
    /// Only one connection is open at a time, so this is never waited for.
    safe_heads: Option<Arc<Mutex<SafeHeads>>>,
}

impl<F, Fut> Source for RollupNode<F>
where
    F: Fn(u64) -> Fut + Send + Sync,
    Fut: Future<Output = Option<L1BlockRef>> + Send,
{
    async fn next(&mut self) -> Result<L2View, Fault> {
        let Said { status, confirmed, unix, derived_confirmed } = match &mut self.reads {
            Reads::SyncStatus(cue) => {
                cue.next().await?;
                let now = self.config.clock.now();
                let status = self.client.call("optimism_syncStatus", ()).await?;
                Said { status, confirmed: now.instant, unix: now.unix, derived_confirmed: None }
            }
            Reads::OpStatus(op_status) => op_status.next().await?,
        };
        let derived = Derived {
            current_l1: match self.node.current_l1 {
                CurrentL1::Node if Bug::HeadAsCurrent.bites() => status.head_l1.id(),
                CurrentL1::Node => status.current_l1.id(),
                CurrentL1::Origin => status.safe_l2.l1_origin,
            },
            finalized: status.finalized_l2,
            safe: status.safe_l2,
            local_safe: status.local_safe_l2,
            pending_safe: status.pending_safe_l2,
        };
        let votes = self.node.current_l1 == CurrentL1::Node && !self.node.follower;
        Ok(L2View {
            derived,
            tip: Tip { unsafe_l2: status.unsafe_l2, cross_unsafe: status.cross_unsafe_l2 },
            old_l1: Vec::new(),
            head_l1: status.head_l1.number,
            profile: if self.node.follower { Profile::Follower } else { Profile::Deriver },
            votes,
            bound: match self.node.current_l1 {
                CurrentL1::Node => Bound::CurrentL1,
                CurrentL1::Origin => Bound::At(status.current_l1.number.max(status.head_l1.number)),
            },
            borne_out: None,
            at_safe: self.at_safe(status.safe_l2.number).await,
            safe_heads: if votes { self.safe_heads(&derived).await } else { Arc::from([]) },
            source: self.config.endpoint.name().into(),
            confirmed,
            derived_confirmed,
            unix,
        })
    }
}

impl<F, Fut> RollupNode<F>
where
    F: Fn(u64) -> Fut,
    Fut: Future<Output = Option<L1BlockRef>>,
{
    async fn open(
        config: Config,
        node: Node,
        client: Client,
        l1: Arc<F>,
        safe_heads: Option<Arc<Mutex<SafeHeads>>>,
    ) -> Result<Self, Fault> {
        verify(&config.rollup, &client).await?;
        let cue = Cue::new(config.poll_interval.unwrap_or(PACE), None);
        // A deriver is believed for what it derives; whom another follows is told by ages.
        let op_status = if node.follower { OpStatus::open(&client, config.clock, cue).await? } else { Err(cue) };
        let reads = op_status.map_or_else(Reads::SyncStatus, Reads::OpStatus);
        Ok(Self { config, node, client, reads, compared: None, l1, safe_heads })
    }

    /// Its safe heads below its `current_l1`, as far as they are wanted and known.
    async fn safe_heads(&self, derived: &Derived) -> Arc<[SafeHead]> {
        let Some(safe_heads) = &self.safe_heads else { return Arc::from([]) };
        let Derived { current_l1, safe, .. } = derived;
        safe_heads.lock().await.at(&self.client, *current_l1, safe, (self.node.safe_served)(), &*self.l1).await
    }

    /// The block it has at the height of the safe head served, if it has derived past that. Asked once for each such
    /// head, and again while it has another block, for a node may come back from a wrong chain; whatever goes wrong
    /// costs the comparison and nothing else.
    async fn at_safe(&mut self, safe: u64) -> Option<BlockId> {
        let served = (self.node.safe_served)();
        if served.is_zero() || safe <= served.number {
            return None;
        }
        let settled =
            |(head, block): (BlockId, Option<BlockId>)| head == served && block.is_none_or(|block| block == served);
        if !self.compared.is_some_and(settled) {
            let asked = self.client.call::<Output>("optimism_outputAtBlock", [format!("{:#x}", served.number)]);
            let output = timeout(COMPARING, asked).await;
            let block = output.ok().and_then(Result::ok).map(|output| output.block_ref);
            self.compared = Some((served, block.filter(|block| block.number == served.number)));
        }
        self.compared.and_then(|(_, block)| block)
    }
}

/// Whether a rollup node could be followed: else the state it would be in, and why.
pub async fn probe_rollup_node(rollup: &RollupConfig, client: &Client) -> Result<(), (Health, String)> {
    verify(rollup, client).await.map_err(|fault| (fault.health(), fault.to_string()))
}

async fn verify(rollup: &RollupConfig, client: &Client) -> Result<(), Fault> {
    let theirs = match client.call::<Value>("optimism_rollupConfig", ()).await {
        // Whether it has no such method or a proxy before it does not allow it.
        Err(CallError::Rpc { .. }) => Value::Null,
        answer => answer?,
    };
    difference(rollup, &theirs).map_or(Ok(()), Err)
}
