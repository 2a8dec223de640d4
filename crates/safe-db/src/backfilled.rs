//! What has come of closing gaps.

/// How far closing gaps has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backfill {
    /// Records taken by this run of the program.
    pub records: u64,
    /// How many L1 blocks are covered by what was told, in all.
    pub l1_blocks: u64,
    /// The L1 block down to which the newest gap is closed.
    pub down_to: Option<u64>,
    /// Whether all gaps within the time are closed.
    pub done: bool,
    /// Why a gap is not, if one is not.
    pub problem: Option<String>,
}
