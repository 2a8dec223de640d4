//! What changes by fork: one table. Everything that is decided by a fork's time is asked of [`Rules`].

use std::sync::Arc;

use alloy_primitives::Address;
use rollup::{Genesis, RollupConfig};

use crate::{refusal::Refusal, transaction::TransactionKind};

/// Type of a transaction that comes from L1 and that no batch may hold.
pub(crate) const DEPOSIT: u8 = 0x7e;
/// Type of a transaction that says what the execution of its block came to, since Lagoon.
pub(crate) const POST_EXEC: u8 = 0x7d;
/// For how many L1 blocks after its first frame a channel may be completed, since Granite.
pub const CHANNEL_TIMEOUT: u64 = 50;
/// How much of a channel's frames and of its decompressed content counts, since Fjord.
pub const MAX_CHANNEL: usize = 100_000_000;
/// What a frame counts beside its data.
pub(crate) const FRAME_OVERHEAD: usize = 200;
/// How many seconds L2 may run ahead of an L1 origin since Fjord; before it is a matter of configuration.
const MAX_DRIFT: u64 = 1800;
/// Types of transactions that batches could always hold, beside untyped ones.
const FIRST_TYPES: [u8; 2] = [1, 2];

/// What a fork brings that concerns derivation.
#[derive(Debug)]
struct Fork {
    name: &'static str,
    /// From which time on it is active.
    time: fn(&RollupConfig) -> Option<u64>,
    /// Its first L2 block begins with deposits of its own; how many is not known here.
    upgrades: bool,
    /// Its first L2 block may hold no transactions of the sequencer.
    first_block_is_empty: bool,
    /// A type of transaction that batches may hold from then on, by the time of the L2 block.
    transaction_type: Option<u8>,
}

/// Every fork since the first that can be derived. A later one gets a line here and, if its time has a new name, a field
/// in [`RollupConfig`] and in [`KNOWN_TIMES`](crate::refusal); what it changes beside these columns gets a column.
#[rustfmt::skip]
const FORKS: [Fork; 5] = [
    Fork { name: "Holocene", time: |config| config.holocene_time, upgrades: false, first_block_is_empty: false, transaction_type: None },
    Fork { name: "Isthmus", time: |config| config.isthmus_time, upgrades: true, first_block_is_empty: false, transaction_type: Some(4) },
    Fork { name: "Jovian", time: |config| config.jovian_time, upgrades: true, first_block_is_empty: true, transaction_type: None },
    Fork { name: "Karst", time: |config| config.karst_time, upgrades: true, first_block_is_empty: true, transaction_type: None },
    Fork { name: "Lagoon", time: |config| config.lagoon_time.or(config.interop_time), upgrades: true, first_block_is_empty: true, transaction_type: Some(POST_EXEC) },
];

/// Whether a batch may hold a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// It may.
    Allowed,
    /// By the rules known here it may not, at that time or ever.
    Forbidden,
    /// No fork known here has it.
    Unknown(u8),
}

/// The rules of one rollup.
#[derive(Clone, Debug)]
pub struct Rules {
    /// When each fork of the table is active, if ever.
    activations: [Option<u64>; FORKS.len()],
    delta_time: u64,
    fjord_time: u64,
    drift_before_fjord: u64,
    pub(crate) genesis: Genesis,
    pub(crate) block_time: u64,
    pub(crate) seq_window_size: u64,
    pub(crate) l2_chain_id: u64,
    pub(crate) inbox: Address,
    pub(crate) deposit_contract: Address,
    pub(crate) system_config: Address,
}

impl Rules {
    /// The rules for a rollup, if all of them are known here.
    ///
    /// # Errors
    /// [`Refusal`] says in a sentence what is not.
    pub fn new(config: &RollupConfig) -> Result<Arc<Self>, Refusal> {
        Refusal::of(config)?;
        Ok(Arc::new(Self {
            activations: std::array::from_fn(|fork| (FORKS[fork].time)(config)),
            delta_time: config.delta_time.unwrap_or(u64::MAX),
            fjord_time: config.fjord_time.unwrap_or(u64::MAX),
            drift_before_fjord: config.max_sequencer_drift,
            genesis: config.genesis.clone(),
            block_time: config.block_time,
            seq_window_size: config.seq_window_size,
            l2_chain_id: config.l2_chain_id,
            inbox: config.batch_inbox_address,
            deposit_contract: config.deposit_contract_address,
            system_config: config.l1_system_config_address,
        }))
    }

    /// From which L1 time on everything here holds.
    pub fn holocene_time(&self) -> u64 {
        self.activations[0].unwrap_or(u64::MAX)
    }

    /// Whether an L1 origin of this time may begin a span.
    pub(crate) fn has_spans(&self, origin_time: u64) -> bool {
        origin_time >= self.delta_time
    }

    /// How far L2 may run ahead of an origin of this time.
    pub(crate) fn max_drift(&self, origin_time: u64) -> u64 {
        if origin_time >= self.fjord_time { MAX_DRIFT } else { self.drift_before_fjord }
    }

    /// The fork whose first L2 block this is and which forbids the sequencer to fill it.
    pub(crate) fn must_be_empty(&self, l2_time: u64) -> Option<&'static str> {
        self.beginning(l2_time).find(|fork| fork.first_block_is_empty).map(|fork| fork.name)
    }

    /// Whether the L2 block of this time begins with deposits of a fork.
    pub(crate) fn has_upgrades(&self, l2_time: u64) -> bool {
        self.beginning(l2_time).any(|fork| fork.upgrades)
    }

    /// Whether a batch may hold such a transaction in an L2 block of this time.
    pub(crate) fn permits(&self, transaction: TransactionKind, l2_time: u64) -> Permission {
        match transaction {
            TransactionKind::Legacy => Permission::Allowed,
            TransactionKind::Empty | TransactionKind::Typed(DEPOSIT) => Permission::Forbidden,
            TransactionKind::Typed(kind) if FIRST_TYPES.contains(&kind) => Permission::Allowed,
            TransactionKind::Typed(kind) => {
                match FORKS.iter().zip(self.activations).find(|(fork, _)| fork.transaction_type == Some(kind)) {
                    Some((_, Some(time))) if l2_time >= time => Permission::Allowed,
                    Some(_) => Permission::Forbidden,
                    None => Permission::Unknown(kind),
                }
            }
        }
    }

    /// Forks whose first L2 block has this time. What is active at genesis does not begin.
    fn beginning(&self, l2_time: u64) -> impl Iterator<Item = &'static Fork> {
        let (before, genesis) = (l2_time.checked_sub(self.block_time), self.genesis.l2_time);
        FORKS.iter().zip(self.activations).filter_map(move |(fork, activation)| {
            let begins = l2_time > genesis && activation? <= l2_time && before? < activation?;
            begins.then_some(fork)
        })
    }
}

#[cfg(test)]
mod tests {
    use rollup::network;

    use super::*;

    /// OP mainnet's, with Karst and Lagoon to come. Its genesis has an odd time, and so has each of its blocks.
    fn rules() -> Arc<Rules> {
        let mut config = network("op-mainnet").unwrap();
        config.karst_time = Some(1_783_526_401);
        config.lagoon_time = Some(1_800_000_000);
        Rules::new(&config).unwrap()
    }

    #[test]
    fn types_of_transactions_by_fork() {
        use Permission::{Allowed, Forbidden, Unknown};
        use TransactionKind::{Empty, Legacy, Typed};
        let (isthmus, lagoon) = (1_746_806_401, 1_800_000_000);
        for (kind, time, expected) in [
            (Legacy, 0, Allowed),
            (Typed(1), 0, Allowed),
            (Typed(2), 0, Allowed),
            (Typed(4), isthmus - 1, Forbidden),
            (Typed(4), isthmus, Allowed),
            (Typed(POST_EXEC), lagoon - 1, Forbidden),
            (Typed(POST_EXEC), lagoon, Allowed),
            (Typed(DEPOSIT), u64::MAX, Forbidden),
            (Empty, u64::MAX, Forbidden),
            (Typed(3), u64::MAX, Unknown(3)),
            (Typed(0x7b), u64::MAX, Unknown(0x7b)),
        ] {
            assert_eq!(rules().permits(kind, time), expected, "{kind:?} at {time}");
        }
        // Where a fork is not scheduled, what it brings is not allowed, and not unknown.
        let early = Rules::new(&network("op-mainnet").unwrap()).unwrap();
        assert_eq!(early.permits(Typed(POST_EXEC), u64::MAX), Forbidden);
    }

    #[test]
    fn the_first_block_of_a_fork() {
        for (time, empty, upgrades) in [
            (1_736_445_601, None, false),
            (1_746_806_401, None, true),
            (1_764_691_201 - 2, None, false),
            (1_764_691_201, Some("Jovian"), true),
            (1_764_691_201 + 2, None, false),
            (1_783_526_401, Some("Karst"), true),
            // The first of its blocks, though not at its very time.
            (1_800_000_001, Some("Lagoon"), true),
            (1_800_000_003, None, false),
        ] {
            assert_eq!((rules().must_be_empty(time), rules().has_upgrades(time)), (empty, upgrades), "{time}");
        }
        // What is active at genesis does not begin there.
        let mut config = network("op-mainnet").unwrap();
        config.genesis.l2_time = 1_764_691_201;
        assert_eq!(Rules::new(&config).unwrap().must_be_empty(1_764_691_201), None);
    }

    #[test]
    fn limits_by_the_time_of_the_origin() {
        let (delta, fjord) = (1_708_560_000, 1_720_627_201);
        assert_eq!([fjord - 1, fjord].map(|time| rules().max_drift(time)), [600, 1800]);
        assert_eq!([delta - 1, delta].map(|time| rules().has_spans(time)), [false, true]);
        assert_eq!(rules().holocene_time(), 1_736_445_601);
    }
}
