//! Deliberate bugs, to see that the torture run finds them. Each is a guard left out, picked when the program runs.
//! Only a build with `--cfg sabotage` can pick one; in any other, nothing of this remains.

macro_rules! bugs {
    ($($(#[$doc:meta])* $bug:ident,)*) => {
        /// A guard that is left out.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Bug {
            $($(#[$doc])* $bug,)*
        }

        impl Bug {
            /// Every bug.
            pub const ALL: &[Self] = &[$(Self::$bug),*];
        }
    };
}

bugs! {
    /// Heads may be out of order.
    Ordering,
    /// Any block at its height is canonical.
    Hashes,
    /// Nothing is ever too old.
    Staleness,
    /// An L1 that stands still is fresh.
    FrozenHead,
    /// A hold has no limit.
    HoldLimit,
    /// An L1 reorg raises no epoch.
    L1Epoch,
    /// A tip that goes back raises no epoch.
    L2Epoch,
    /// What is lower is served.
    Floor,
    /// Of a rewinding source the safe head is served and `current_l1` is held.
    OneHalf,
    /// A tip is followed below the local-safe head held.
    TipBelowSafe,
    /// Most derivers need not have reached `current_l1`.
    Majority,
    /// Confirmations are not waited for.
    ConfDepth,
    /// Finality is not checked against L1.
    FinalityAhead,
    /// Finalized heads of L2 go back.
    FinalizedFloor,
    /// Another L2 block is final than was.
    FinalizedOther,
    /// Another safe block is served at the same height.
    SafeConflict,
    /// A head's time need not be that of its number.
    OffSchedule,
    /// After an L1 reorg the old view is served on the new head.
    Orphans,
    /// L1 labels go back.
    Labels,
    /// Finalized blocks of L1 may contradict each other.
    FinalizedConflict,
    /// A changed status goes out with the old number.
    Sequence,
    /// A changed status goes out with the old JSON.
    Bytes,
    /// One L1 endpoint is a quorum.
    L1Quorum,
    /// One live L1 endpoint extends the head.
    L1Live,
    /// A header's hash is believed.
    HeaderHash,
    /// The L1 head of a rollup node stands for its `current_l1`.
    HeadAsCurrent,
    /// The SafeDB forwards a status before what it implies is durable.
    DurableLater,
    /// The SafeDB takes what lies between two claims for covered.
    Gap,
    /// The SafeDB answers from an earlier life unchecked.
    Unchecked,
    /// A safe head is answered where `current_l1` has not come yet.
    Underived,
    /// What most others deny is served.
    Denied,
    /// What one calls final is final.
    FinalByOne,
    /// An orphaned word is no word, and so no voice against.
    Unheard,
    /// Subscribers are not told that their status is stale.
    StaleUntold,
    /// Subscribers are not told of L1 reorgs.
    ReorgUntold,
    /// A rollup node's output is of any chain, and a super root is of any output.
    OutputElsewhere,
    /// What does not say how far it has derived is believed whatever L1 reorgs.
    Doubt,
    /// What is first said just after an L1 reorg is of the new branch.
    LateWord,
    /// A doubt never ends.
    EndlessDoubt,
    /// A node that trails the others' tip goes on speaking.
    LonelyVoice,
    /// Such a node speaks whenever the others are ahead of the vote.
    VoiceFlaps,
    /// A tip is served whose L1 origin is gone.
    OrphanedTip,
    /// An older L1 head of the same chain is believed.
    LagBelieved,
    /// The absence of an L1 endpoint counts from its last change of state.
    AbsenceRestarts,
    /// The vote of the L1 endpoints may put finalized above safe.
    LabelsApart,
    /// A super root is left out of a block that is safe.
    DataLeftOut,
    /// A super root requires the L1 block before the one it does.
    RequiredTooLow,
    /// What was looked up on an L1 that was left places views on another that shares no block with it.
    OldEvidence,
    /// A super root is told with a later `current_l1` than its own, the L1 head.
    LaterCurrentL1,
    /// What is recorded does not join what a node says after it went back: coverage keeps a gap.
    NoJoin,
}

impl Bug {
    /// Whether this is the bug that was picked.
    #[cfg(not(sabotage))]
    pub const fn bites(self) -> bool {
        false
    }
}

#[cfg(sabotage)]
mod picked {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Bug;

    const NONE: u8 = u8::MAX;

    static PICKED: AtomicU8 = AtomicU8::new(NONE);

    impl Bug {
        /// From now on this bug is there, in the whole process; none is a program without bugs.
        pub fn pick(bug: Option<Self>) {
            PICKED.store(bug.map_or(NONE, |bug| bug as u8), Ordering::Relaxed);
        }

        /// Whether this is the bug that was picked.
        pub fn bites(self) -> bool {
            PICKED.load(Ordering::Relaxed) == self as u8
        }
    }
}
