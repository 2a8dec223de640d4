//! A rollup node as a source: its sync status, as a view.

use std::{future::Future, sync::Arc, time::Duration};

use futures::Stream;
use rollup::{BlockId, L1BlockRef, L2BlockRef, RollupConfig, SafeHead, SyncStatus};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny},
};
use serde_json::{Value, value::RawValue};
use status::{Bound, Bug, Derived, Event, Health, L2View, Profile, Tip};
use tokio::{sync::Mutex, time::timeout};
use tracing::info;
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

/// The part of an output root's answer that is read: a node that names less than a whole block can still be compared.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output<B> {
    block_ref: B,
}

/// What stands for a node's `current_l1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CurrentL1 {
    /// What it says, unless its first complete status on a connection lacks `pending_safe_l2`: kona-node leaves that out,
    /// and reports its L1 head as `current_l1`. Fixed for that connection.
    #[default]
    Auto,
    /// What it says, as op-node means it.
    Node,
    /// The L1 origin of its safe head, a true lower bound: for nodes that report their L1 head there, as kona-node
    /// does.
    Origin,
}

/// What a rollup node answers to `optimism_syncStatus`.
#[derive(Clone, Copy, Debug)]
pub struct NodeStatus {
    /// The status.
    pub status: SyncStatus,
    /// Whether it has a `pending_safe_l2`: kona-node leaves that out, op-node never did.
    pub names_pending_safe: bool,
}

impl<'de> Deserialize<'de> for NodeStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Pending {
            pending_safe_l2: Option<IgnoredAny>,
        }
        let answer = Box::<RawValue>::deserialize(deserializer)?;
        let status = serde_json::from_str(answer.get()).map_err(D::Error::custom)?;
        let pending: Pending = serde_json::from_str(answer.get()).map_err(D::Error::custom)?;
        Ok(Self { status, names_pending_safe: pending.pending_safe_l2.is_some() })
    }
}

/// What a rollup node is to us.
#[derive(Clone, Debug)]
pub struct Node {
    /// What stands for its `current_l1`.
    pub current_l1: CurrentL1,
    /// Whether it follows other nodes instead of deriving by itself: an echo, which never votes.
    pub follower: bool,
    /// What is recorded of safe heads, if it is asked for them as its `current_l1` moves on. Without effect where that is
    /// not its own word.
    pub safe_heads: Option<Recorded>,
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
    /// Whether its `current_l1` is its own word, once that is known.
    own_current_l1: Option<bool>,
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
        let Said { status, confirmed, unix, derived_confirmed, safe_bound } = match &mut self.reads {
            Reads::SyncStatus(cue) => {
                cue.next().await?;
                let now = self.config.clock.now();
                let answer: NodeStatus = self.client.call("optimism_syncStatus", ()).await?;
                let (status, confirmed, unix) = (answer.status, now.instant, now.unix);
                self.find_out(&answer);
                Said { status, confirmed, unix, derived_confirmed: None, safe_bound: None }
            }
            Reads::OpStatus(op_status) => op_status.next().await?,
        };
        let own = self.own_current_l1.unwrap_or(true);
        let derived = Derived {
            current_l1: match own {
                true if Bug::HeadAsCurrent.bites() => status.head_l1.id(),
                true => status.current_l1.id(),
                false => status.safe_l2.l1_origin,
            },
            finalized: status.finalized_l2,
            safe: status.safe_l2,
            local_safe: status.local_safe_l2,
            pending_safe: status.pending_safe_l2,
        };
        let votes = own && !self.node.follower;
        Ok(L2View {
            derived,
            tip: Tip { unsafe_l2: status.unsafe_l2, cross_unsafe: status.cross_unsafe_l2 },
            old_l1: Vec::new(),
            head_l1: status.head_l1.id(),
            profile: if self.node.follower { Profile::Follower } else { Profile::Deriver },
            votes,
            found_out: self.node.current_l1 == CurrentL1::Auto,
            bound: bound(own, self.node.follower, &status, safe_bound),
            borne_out: None,
            at_safe: self.at_safe(status.safe_l2.number).await,
            safe_heads: if votes { self.safe_heads(&derived).await } else { Arc::from([]) },
            source: self.config.endpoint.name().into(),
            confirmed,
            derived_confirmed,
            unix,
        })
    }

    async fn block(&mut self, number: u64) -> Result<L2BlockRef, Fault> {
        let output = self.client.call::<Output<L2BlockRef>>("optimism_outputAtBlock", [format!("{number:#x}")]).await?;
        Ok(output.block_ref)
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
        let own_current_l1 = match node.current_l1 {
            CurrentL1::Auto => None,
            CurrentL1::Node => Some(true),
            CurrentL1::Origin => Some(false),
        };
        Ok(Self { config, node, client, reads, own_current_l1, compared: None, l1, safe_heads })
    }

    /// Finds out whether its `current_l1` is its own word, at its first complete status.
    fn find_out(&mut self, answer: &NodeStatus) {
        let SyncStatus { current_l1, safe_l2, unsafe_l2, .. } = &answer.status;
        let complete = !current_l1.is_zero() && !safe_l2.is_zero() && !unsafe_l2.is_zero();
        if self.own_current_l1.is_none() && complete {
            self.own_current_l1 = Some(answer.names_pending_safe);
            if !answer.names_pending_safe {
                info!(
                    endpoint = self.config.endpoint.name(),
                    "it names no pending_safe_l2, as kona-node, whose current_l1 is its L1 head: the L1 origin of its \
                     safe head stands for that, and none of its safe heads are recorded"
                );
            }
        }
    }

    /// Its safe heads below its `current_l1`, as far as they are wanted and known.
    async fn safe_heads(&self, derived: &Derived) -> Arc<[SafeHead]> {
        let Some(safe_heads) = &self.safe_heads else { return Arc::from([]) };
        let Derived { current_l1, safe, .. } = derived;
        let ours = (self.config.ours)();
        safe_heads.lock().await.at(&self.client, *current_l1, safe, &ours, &*self.l1).await
    }

    /// The block it has at the height of the safe head served, if it has derived past that. Asked once for each such
    /// head, and again while it has another block, for a node may come back from a wrong chain; whatever goes wrong
    /// costs the comparison and nothing else.
    async fn at_safe(&mut self, safe: u64) -> Option<BlockId> {
        let served = (self.config.ours)().safe_served;
        if served.is_zero() || safe <= served.number {
            return None;
        }
        let settled =
            |(head, block): (BlockId, Option<BlockId>)| head == served && block.is_none_or(|block| block == served);
        if !self.compared.is_some_and(settled) {
            let asked =
                self.client.call::<Output<BlockId>>("optimism_outputAtBlock", [format!("{:#x}", served.number)]);
            let output = timeout(COMPARING, asked).await;
            let block = output.ok().and_then(Result::ok).map(|output| output.block_ref);
            self.compared = Some((served, block.filter(|block| block.number == served.number)));
        }
        self.compared.and_then(|(_, block)| block)
    }
}

/// What a node's status tells of the highest L1 block that its safe head can have been derived from; `told` is what an
/// op-status says of it.
fn bound(own: bool, follower: bool, status: &SyncStatus, told: Option<u64>) -> Bound {
    let (current_l1, head_l1) = (status.current_l1.number, status.head_l1.number);
    let bound = match (own, follower) {
        (true, false) => return Bound::CurrentL1,
        (false, false) => Some(current_l1.max(head_l1)),
        // What other followers call `current_l1` and `head_l1` is their own L1's, not that of who derived the safe head.
        (_, true) => told,
    };
    // No block is derived from an L1 block below its origin: such a bound is none.
    match bound.filter(|bound| *bound >= status.safe_l2.l1_origin.number) {
        Some(bound) if own && bound == current_l1 => Bound::CurrentL1,
        Some(bound) => Bound::At(bound),
        None => Bound::Untold,
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
