//! What a world is made with.

/// The constants of a simulated rollup. Times are whole seconds because header timestamps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Chain id of the L1.
    pub l1_chain_id: u64,
    /// Chain id of the rollup.
    pub l2_chain_id: u64,
    /// Unix time in seconds of both genesis blocks.
    pub genesis_time: u64,
    /// Seconds from one L1 slot to the next.
    pub l1_block_time: u64,
    /// Seconds from one L2 block to the next.
    pub l2_block_time: u64,
    /// How many L1 blocks the `safe` label trails the head, before it is rounded down to an epoch.
    pub safe_distance: u64,
    /// How many L1 blocks the `finalized` label trails the head, before it is rounded down to an epoch.
    pub finalized_distance: u64,
    /// Both L1 labels stand on multiples of this many blocks; 1 lets them move with every block.
    pub epoch_length: u64,
    /// Every so many L1 blocks one carries a batch.
    pub batch_interval: u64,
    /// How many L1 blocks the sequencer stays behind the L1 head when it chooses an origin. With 0, a reorg of the L1
    /// head always costs L2 blocks.
    pub sequencer_l1_confs: u64,
    /// Within how many L1 blocks of its origin a batch must be included. Announced, not enforced: keep the batcher
    /// paused for less than this.
    pub seq_window_size: u64,
    /// How far L2 time may run ahead of the origin's, in seconds. Announced, not enforced.
    pub max_sequencer_drift: u64,
    /// For how many L1 blocks a channel stays open. Announced, not enforced.
    pub channel_timeout: u64,
    /// Unix time in seconds from which L1-info deposits have Jovian's form; before it they have Isthmus's.
    pub jovian_time: Option<u64>,
    /// Whether blocks that a reorg orphaned are still served by hash, as geth does; anvil forgets them.
    pub serve_orphans: bool,
    /// How many L1 blocks below the finalized one are kept at least, with the L2 blocks on them; and how many entries
    /// of history. The genesis blocks are always kept. A reorg cannot reach what was forgotten.
    pub retain: u64,
    /// Makes hashes differ from world to world; equal calls on equal seeds give equal hashes.
    pub seed: u64,
}

impl Default for Params {
    /// Mainnet's pace, with labels that trail by minutes instead of a quarter of an hour and nothing ever forgotten.
    fn default() -> Self {
        Self {
            l1_chain_id: 900,
            l2_chain_id: 901,
            genesis_time: 1_700_000_000,
            l1_block_time: 12,
            l2_block_time: 2,
            safe_distance: 4,
            finalized_distance: 8,
            epoch_length: 4,
            batch_interval: 2,
            sequencer_l1_confs: 0,
            seq_window_size: 3600,
            max_sequencer_drift: 1800,
            channel_timeout: 300,
            jovian_time: Some(0),
            serve_orphans: true,
            retain: u64::MAX,
            seed: 0,
        }
    }
}
