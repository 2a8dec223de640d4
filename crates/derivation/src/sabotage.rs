//! Deliberate bugs, to see that the adversarial batcher finds them: rules left out, picked when the program runs. Only
//! a build with `--cfg sabotage` can pick one; in any other, nothing of this remains.

macro_rules! bugs {
    ($($(#[$doc:meta])* $bug:ident,)*) => {
        /// A rule that is left out.
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
    /// Whoever writes to the inbox is the batcher.
    AnySender,
    /// A channel stays open for 300 L1 blocks.
    LongTimeout,
    /// The sequencing window is one block longer.
    LongWindow,
    /// A batch that leaves a gap is taken for the next.
    Future,
    /// A batch that is dropped costs neither its span nor its channel.
    NoFlush,
    /// What a span says of blocks that are safe already is not compared.
    Overlap,
    /// The parent that a batch names is not compared.
    Parent,
    /// A new batcher is the batcher from the next L1 block on.
    LateConfig,
    /// What L1 blocks hold that are not above the safe head's origin counts.
    NoDrain,
    /// An L1 block is done before the blocks it tells of were matched.
    Unmatched,
    /// A block without the batch's transactions matches it.
    DepositsOnly,
    /// After an L1 reorg derivation goes on as if there had been none.
    NoUnwind,
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
