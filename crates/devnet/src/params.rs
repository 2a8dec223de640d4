//! What a world is made with.

use std::time::Duration;

/// The constants of a simulated rollup. Header timestamps are whole seconds, so blocks of a faster chain share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Chain id of the L1.
    pub l1_chain_id: u64,
    /// Chain id of the rollup.
    pub l2_chain_id: u64,
    /// Unix time in seconds of both genesis blocks.
    pub genesis_time: u64,
    /// From one L1 slot to the next, in whole milliseconds.
    pub l1_block_time: Duration,
    /// From one L2 block to the next, in whole milliseconds. The rollup configuration can say whole seconds only, and
    /// says them rounded up.
    pub l2_block_time: Duration,
    /// When L2 blocks begin to come at another pace.
    pub l2_change: Option<PaceChange>,
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
            l1_block_time: Duration::from_secs(12),
            l2_block_time: Duration::from_secs(2),
            l2_change: None,
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

/// A change of the pace of L2. The block that is the first at or after it still comes when it would have, those after
/// it come at the new pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceChange {
    /// Unix time in seconds.
    pub at: u64,
    /// From one L2 block to the next since then, in whole milliseconds.
    pub block_time: Duration,
    /// Whether the rollup configuration tells the time of the change, as Base's tells that of Denim. Headers tell
    /// milliseconds then.
    pub announced: bool,
}

impl PaceChange {
    /// Base's: five blocks a second from `at` on.
    pub fn denim(at: u64) -> Self {
        Self { at, block_time: Duration::from_millis(200), announced: true }
    }
}

impl Params {
    /// When both genesis blocks are, since the Unix epoch.
    pub fn genesis(&self) -> Duration {
        Duration::from_secs(self.genesis_time)
    }

    /// How long so many L1 slots take.
    pub fn l1_slots(&self, count: u64) -> Duration {
        Duration::from_millis(count * self.l1_millis())
    }

    /// When the L2 block of this number is due, since the Unix epoch.
    pub fn l2_due(&self, number: u64) -> Duration {
        Duration::from_millis(self.l2_time(number))
    }

    /// The same in milliseconds.
    pub(crate) fn l2_time(&self, number: u64) -> u64 {
        let (before, after) = self.paces();
        let first = self.first_changed().min(number);
        self.genesis_time * 1000 + first * before + (number - first) * after
    }

    /// The number of the newest L2 block that is due by this time in milliseconds; genesis before any is.
    pub(crate) fn l2_number(&self, time: u64) -> u64 {
        let (before, after) = self.paces();
        let number = time.saturating_sub(self.genesis_time * 1000) / before;
        let first = self.first_changed();
        if number <= first { number } else { first + (time - self.l2_time(first)) / after }
    }

    /// The number of the last L2 block that comes at the pace of the beginning.
    pub(crate) fn first_changed(&self) -> u64 {
        let (before, _) = self.paces();
        let since_genesis =
            |change: PaceChange| change.at.saturating_sub(self.genesis_time).saturating_mul(1000).div_ceil(before);
        self.l2_change.map_or(u64::MAX, since_genesis)
    }

    /// From one L2 block to the next before and after the change, in milliseconds.
    fn paces(&self) -> (u64, u64) {
        let after = self.l2_change.map_or(self.l2_block_time, |change| change.block_time);
        (millis(self.l2_block_time), millis(after))
    }

    pub(crate) fn l1_millis(&self) -> u64 {
        millis(self.l1_block_time)
    }
}

/// A block time in milliseconds, at least one.
pub(crate) fn millis(time: Duration) -> u64 {
    (time.as_millis() as u64).max(1)
}
