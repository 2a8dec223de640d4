//! Why something observed was not published as it came, as a closed list that is counted and shown.

/// Why a view, or a part of it, was not taken.
///
/// A *wait* resolves by itself when our L1 or the source catches up, a *hold* keeps an older true value, a *refusal*
/// rejects the view as untrue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Wait: no L1 head is known yet.
    NoL1,
    /// Wait: the view names an L1 block above our head, or fewer confirmations below it than asked for.
    L1Behind,
    /// Wait: the view names an old L1 block that could not be looked up.
    L1Unknown,
    /// Wait: the source has heads that are unset, as op-node during a reset.
    SourceNotReady,
    /// Wait: the L1 reorged and no view is canonical on the new chain, so the old pair stays.
    NoViewOnNewL1,
    /// Wait: fewer than a majority of the derivers have reached the view's `current_l1`.
    Outvoted,
    /// Hold: the derived half is lower than what is served, on the same L1: the source derives again.
    Rewinding,
    /// Hold: the source's finalized head is lower than what is served.
    FinalizedBehind,
    /// Wait: the L2 finality claimed is ahead of what our L1 has finalized; the old value is held.
    FinalityAhead,
    /// Hold: an L1 reorg may have taken away what the safe head was derived from, and its source does not say.
    SafeUnchangedSinceReorg,
    /// Hold: an L1 label moved back without a reorg.
    L1LabelBack,
    /// Refusal: the heads of the view contradict each other.
    Disordered,
    /// Refusal: an L2 head has a timestamp that a block of its number cannot have.
    OffSchedule,
    /// Refusal: `current_l1` or an L1 origin is not on our L1.
    L1Fork,
    /// Refusal: the tip is ahead of the clock.
    FromTheFuture,
    /// Refusal: another safe block at the same height without an L1 reorg.
    SafeConflict,
    /// Refusal: contradicts a finalized L2 block.
    FinalizedConflict,
    /// Refusal: contradicts a finalized L1 block.
    L1FinalizedConflict,
    /// Wait: the L1 head told is below what is final.
    L1BehindFinalized,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 19] = [
        Self::NoL1,
        Self::L1Behind,
        Self::L1Unknown,
        Self::SourceNotReady,
        Self::NoViewOnNewL1,
        Self::Outvoted,
        Self::Rewinding,
        Self::FinalizedBehind,
        Self::FinalityAhead,
        Self::SafeUnchangedSinceReorg,
        Self::L1LabelBack,
        Self::Disordered,
        Self::OffSchedule,
        Self::L1Fork,
        Self::FromTheFuture,
        Self::SafeConflict,
        Self::FinalizedConflict,
        Self::L1FinalizedConflict,
        Self::L1BehindFinalized,
    ];

    /// Whether this resolves by itself within moments while everything is healthy.
    pub fn is_wait(self) -> bool {
        matches!(
            self,
            Self::NoL1 | Self::L1Behind | Self::L1Unknown | Self::SourceNotReady | Self::Outvoted | Self::FinalityAhead
        )
    }

    /// What this does: `wait`, `hold` or `refusal`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::NoViewOnNewL1 | Self::L1BehindFinalized => "wait",
            reason if reason.is_wait() => "wait",
            Self::Rewinding | Self::FinalizedBehind | Self::SafeUnchangedSinceReorg | Self::L1LabelBack => "hold",
            _ => "refusal",
        }
    }

    /// The stable name in metrics and RPC answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoL1 => "no_l1",
            Self::L1Behind => "l1_behind",
            Self::L1Unknown => "l1_unknown",
            Self::SourceNotReady => "source_not_ready",
            Self::NoViewOnNewL1 => "no_view_on_new_l1",
            Self::Outvoted => "outvoted",
            Self::Rewinding => "rewinding",
            Self::FinalizedBehind => "finalized_behind",
            Self::FinalityAhead => "finality_ahead",
            Self::SafeUnchangedSinceReorg => "safe_unchanged_since_reorg",
            Self::L1LabelBack => "l1_label_back",
            Self::Disordered => "disordered",
            Self::OffSchedule => "off_schedule",
            Self::L1Fork => "l1_fork",
            Self::FromTheFuture => "from_the_future",
            Self::SafeConflict => "safe_conflict",
            Self::FinalizedConflict => "finalized_conflict",
            Self::L1FinalizedConflict => "l1_finalized_conflict",
            Self::L1BehindFinalized => "l1_behind_finalized",
        }
    }

    /// One sentence for an operator.
    pub fn explain(self) -> &'static str {
        match self {
            Self::NoL1 => "no L1 head is known yet",
            Self::L1Behind => "the source names an L1 block our L1 has not reached with the confirmations asked for",
            Self::L1Unknown => "the source names an old L1 block that could not be looked up on our L1",
            Self::SourceNotReady => "the source has unset heads: it is starting or resetting",
            Self::NoViewOnNewL1 => "the L1 reorged and no source has followed it yet",
            Self::Outvoted => "most rollup nodes have not derived that far yet",
            Self::Rewinding => "the source derives again from an older L1 block; what it had derived stays served",
            Self::FinalizedBehind => "the source's finalized head is lower than the one served, which stays",
            Self::FinalityAhead => "the source claims L2 finality that our L1 has not finalized yet",
            Self::SafeUnchangedSinceReorg => {
                "the source's safe head may rest on a batch that an L1 reorg took away, and it does not say"
            }
            Self::L1LabelBack => "the L1 safe or finalized label moved back without a reorg; the old one stays",
            Self::Disordered => "the source's heads contradict each other",
            Self::OffSchedule => "a head of the source has a timestamp that a block of its number cannot have",
            Self::L1Fork => "the source is on another L1 chain than our L1 endpoints",
            Self::FromTheFuture => "the source's L2 head is ahead of the clock",
            Self::SafeConflict => "the source has another safe block at the height served, without an L1 reorg",
            Self::FinalizedConflict => "the source contradicts the finalized L2 block served",
            Self::L1FinalizedConflict => "the L1 contradicts the finalized L1 block served",
            Self::L1BehindFinalized => "the L1 endpoints are behind the finalized L1 block served",
        }
    }
}

/// How often each reason occurred since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; Reason::ALL.len()]);

impl Counts {
    /// How often `reason` occurred.
    pub fn of(&self, reason: Reason) -> u64 {
        self.0[reason as usize]
    }

    pub(crate) fn add(&mut self, reason: Reason) {
        self.0[reason as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_every_reason_at_its_own_index() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{reason:?}");
        }
    }
}
