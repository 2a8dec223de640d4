//! What a rollup node, or an op-status that stands for one, makes of the true status in each ill.

use std::sync::{Mutex, PoisonError};

use alloy_primitives::B256;
use devnet::{Answer, RpcError, World};
use rollup::SyncStatus;
use serde_json::{Value, json};

use crate::{ill::Ill, rig::Word};

/// Milliseconds from one look of a kona-node at L1 to the next.
const KONA_POLL: u64 = 12_000;

/// What it keeps in mind from one answer to the next.
#[derive(Debug)]
pub(crate) struct Mind {
    ill: Option<Ill>,
    /// The chains that it sees.
    world: World,
    /// The second since when it does what it does.
    since: u64,
    /// Of a kona-node: what it derived when it last looked at L1, and when it will look again.
    derived: SyncStatus,
    looks: u64,
    /// Of an op-status: its safe head, and the L1 head when that was first seen.
    first_seen: (B256, u64),
}

impl Mind {
    /// What it answers out of its mind.
    pub(crate) const METHODS: [&str; 3] = ["optimism_syncStatus", "opstatus_snapshot", "rpc_modules"];

    pub(crate) fn new(world: &World) -> Self {
        Self {
            ill: None,
            world: world.clone(),
            since: 0,
            derived: SyncStatus::default(),
            looks: 0,
            first_seen: (B256::ZERO, 0),
        }
    }

    /// From now on it is ill like this and sees these chains.
    pub(crate) fn set(mind: &Mutex<Self>, ill: Option<Ill>, world: World, since: u64) {
        let mut mind = mind.lock().unwrap_or_else(PoisonError::into_inner);
        (mind.ill, mind.world, mind.since) = (ill, world, since);
    }

    /// Its answer, and what it has said with it.
    pub(crate) fn answer(&mut self, method: &str, now: u64, truth: Answer) -> Result<(Option<Word>, Value), RpcError> {
        let honest = self.ill.as_ref().is_none_or(Ill::is_honest);
        let word = |status| Some(Word { at: now, status, honest });
        match (method, &self.ill) {
            ("optimism_syncStatus", Some(Ill::Text)) => Ok((None, json!("synced"))),
            ("optimism_syncStatus", _) => {
                let status = serde_json::from_value(truth?).expect("a status that was just written");
                let status = self.says(status, now);
                let mut answer = json!(status);
                if let (Some(Ill::Kona), Some(fields)) = (&self.ill, answer.as_object_mut()) {
                    fields.remove("pending_safe_l2");
                }
                Ok((word(status), answer))
            }
            ("rpc_modules", Some(Ill::Echo(..))) => Ok((None, json!({ "optimism": "1.0", "opstatus": "1.0" }))),
            ("opstatus_snapshot", Some(Ill::Echo(_, told))) => {
                let told = *told;
                let status = self.says(self.world.read(|chains| chains.status()), now);
                let mut answer = json!({
                    "instance": "5eed",
                    "sequence": now,
                    "l1_epoch": 0,
                    "l2_epoch": 0,
                    "status": status,
                    "age_ms": { "safe_l2": 500, "unsafe_l2": 500 },
                });
                if told {
                    answer["safe_l1_bound"] = json!(self.first_seen.1);
                }
                Ok((word(status), answer))
            }
            _ => Ok((None, truth?)),
        }
    }

    fn says(&mut self, mut status: SyncStatus, now: u64) -> SyncStatus {
        match &self.ill {
            Some(Ill::Zero) => SyncStatus::default(),
            Some(Ill::ZeroL2) => SyncStatus {
                head_l1: status.head_l1,
                safe_l1: status.safe_l1,
                finalized_l1: status.finalized_l1,
                current_l1: status.current_l1,
                ..SyncStatus::default()
            },
            Some(Ill::StaleLocal) => SyncStatus { local_safe_l2: status.finalized_l2, ..status },
            Some(Ill::Rewind(pace)) => {
                let from = status.finalized_l1.number.saturating_sub(4);
                let derived = from + (now / 1000).saturating_sub(self.since) / pace;
                self.late(&status, status.head_l1.number.saturating_sub(derived))
            }
            Some(Ill::Lonely(blocks)) => {
                let status = self.late(&status, *blocks);
                SyncStatus { unsafe_l2: status.safe_l2, cross_unsafe_l2: status.safe_l2, ..status }
            }
            Some(Ill::LowTip) => {
                SyncStatus { unsafe_l2: status.finalized_l2, cross_unsafe_l2: status.finalized_l2, ..status }
            }
            Some(Ill::Late(blocks)) => self.late(&status, *blocks),
            Some(Ill::LateFinality(blocks)) => {
                SyncStatus { finalized_l2: self.late(&status, *blocks).finalized_l2, ..status }
            }
            Some(Ill::HeadAsCurrent) => SyncStatus { current_l1: status.head_l1, ..self.late(&status, 2) },
            Some(Ill::Kona) => self.kona(status, now),
            Some(Ill::Echo(..)) => self.echo(status),
            Some(Ill::Twisted(twists)) => {
                twists.iter().for_each(|twist| twist.apply(&mut status));
                status
            }
            _ => status,
        }
    }

    /// Has derived all but this many L1 blocks.
    fn late(&self, status: &SyncStatus, blocks: u64) -> SyncStatus {
        self.world.read(|chains| chains.derived_behind(status, blocks)).unwrap_or(*status)
    }

    /// It asks L1 for its head at each call, and derives what it saw when it last looked. A tip that does not stand on
    /// that does not reach it.
    fn kona(&mut self, status: SyncStatus, now: u64) -> SyncStatus {
        let on_safe = |tip: rollup::L2BlockRef| {
            let safe = self.derived.safe_l2;
            tip.number >= safe.number && self.world.read(|chains| chains.l2_block(safe.number)) == Some(safe)
        };
        if now >= self.looks {
            (self.looks, self.derived) = (now + KONA_POLL, status);
        } else if on_safe(status.unsafe_l2) {
            (self.derived.unsafe_l2, self.derived.cross_unsafe_l2) = (status.unsafe_l2, status.cross_unsafe_l2);
        }
        SyncStatus {
            current_l1: status.head_l1,
            head_l1: status.head_l1,
            safe_l1: status.safe_l1,
            finalized_l1: status.finalized_l1,
            current_l1_finalized: status.current_l1_finalized,
            ..self.derived
        }
    }

    /// An op-status that follows an execution client: O(safe) stands for `current_l1`.
    fn echo(&mut self, status: SyncStatus) -> SyncStatus {
        if self.first_seen.0 != status.safe_l2.hash {
            self.first_seen = (status.safe_l2.hash, status.head_l1.number);
        }
        let origin = self.world.read(|chains| chains.l1_block(status.safe_l2.l1_origin.number));
        SyncStatus { current_l1: origin.unwrap_or(status.current_l1), ..status }
    }
}
