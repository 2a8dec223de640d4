//! A rollup node as a source: its sync status, as a view.

use std::{future::Future, time::Duration};

use futures::Stream;
use rollup::{L1BlockRef, SyncStatus};
use serde_json::Value;
use status::{Derived, Event, L2View, Profile, Tip};
use upstream::{CallError, Client};

use crate::{
    Config,
    cue::Cue,
    fault::Fault,
    follow::{Source, follow},
    same_rollup::difference,
};

const PACE: Duration = Duration::from_secs(1);

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

/// Views of what a rollup node answers to `optimism_syncStatus`, both halves from the same answer.
///
/// `l1` answers which block our L1 has at a height; what it answers for the heights of a view goes with the view. Each
/// answer is delivered as it is: unset heads are passed on as unset, a rewound status as rewound. An answer that is no
/// sync status, or an error such as an op-status with stale news gives, is a fault and never a view.
///
/// On each connection the node's `optimism_rollupConfig` is compared with ours; a difference makes the endpoint's
/// state [`WrongChain`](status::Health::WrongChain), with an error that names the field. A node that does not serve
/// its configuration cannot be checked: of another rollup it would then be refused for its L1 origins only.
pub fn watch_rollup_node<F, Fut>(config: Config, current_l1: CurrentL1, l1: F) -> impl Stream<Item = Event> + Send
where
    F: Fn(u64) -> Fut + Send + Sync,
    Fut: Future<Output = Option<L1BlockRef>> + Send,
{
    follow(config.clone(), move |client| RollupNode::open(config.clone(), current_l1, client), l1)
}

/// A connected rollup node of our rollup.
struct RollupNode {
    config: Config,
    current_l1: CurrentL1,
    client: Client,
    cue: Cue,
}

impl Source for RollupNode {
    async fn next(&mut self) -> Result<L2View, Fault> {
        self.cue.next().await?;
        let confirmed = self.config.clock.now().instant;
        let status: SyncStatus = self.client.call("optimism_syncStatus", ()).await?;
        let derived = Derived {
            current_l1: match self.current_l1 {
                CurrentL1::Node => status.current_l1.id(),
                CurrentL1::Origin => status.safe_l2.l1_origin,
            },
            finalized: status.finalized_l2,
            safe: status.safe_l2,
            local_safe: status.local_safe_l2,
            pending_safe: status.pending_safe_l2,
        };
        Ok(L2View {
            derived,
            tip: Tip { unsafe_l2: status.unsafe_l2, cross_unsafe: status.cross_unsafe_l2 },
            old_l1: Vec::new(),
            head_l1: status.head_l1.number,
            profile: Profile::RollupNode,
            source: self.config.endpoint.name().into(),
            confirmed,
        })
    }
}

impl RollupNode {
    async fn open(config: Config, current_l1: CurrentL1, client: Client) -> Result<Self, Fault> {
        let theirs = match client.call::<Value>("optimism_rollupConfig", ()).await {
            // Whether it has no such method or a proxy before it does not allow it.
            Err(CallError::Rpc { .. }) => Value::Null,
            answer => answer?,
        };
        if let Some(fault) = difference(&config.rollup, &theirs) {
            return Err(fault);
        }
        let cue = Cue::new(config.poll_interval.unwrap_or(PACE), None);
        Ok(Self { config, current_l1, client, cue })
    }
}
