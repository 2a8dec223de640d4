//! What the batcher and others do in an L1 block.

use super::{Simulation, simulation::Draft};

/// Something that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Move {
    /// Frames of a channel, as they should be; as spans.
    Next,
    /// A channel of singular batches.
    Singulars,
    /// A channel was completed and extends the safe head.
    Completed,
    /// A channel was completed for nothing: too late, or what it holds is no longer next.
    Futile,
    /// A frame is left out.
    Skip,
    /// A frame is sent twice.
    Repeat,
    /// A frame is sent before its turn, and again in it.
    Early,
    /// A frame of another channel, not its first.
    OtherFrame,
    /// Someone else sends the next batch.
    Stranger,
    /// The batcher sends the next batch where it does not count.
    Elsewhere,
    /// A span that is safe already.
    Past,
    /// A span that leaves a gap.
    Future,
    /// A span on another parent.
    WrongParent,
    /// A span on another L1.
    WrongOrigin,
    /// A singular batch of an epoch too far.
    WrongEpoch,
    /// A span that begins below the safe head and says otherwise there.
    OtherOverlap,
    /// A span that begins below the safe head and says the same there.
    Overlap,
    /// A span of which a block in the middle is not allowed, and after it in the same channel the right one.
    Forbidden,
    /// Data that is no frames.
    Garbage,
    /// Data in a version nobody knows.
    UnknownVersion,
    /// A blob that nobody has, with nothing in it that counts.
    MissingBlob,
    /// A channel that cannot be decompressed.
    Undecodable,
    /// A span that names the L1 block it is in.
    Eager,
    /// Nothing, until a channel is timed out or the sequencing window is over.
    Pause,
    /// Another account is the batcher.
    Rotate,
    /// An empty block that no batch tells of.
    Forced,
}

impl Move {
    /// Every move.
    pub const ALL: [Self; 26] = [
        Self::Next,
        Self::Singulars,
        Self::Completed,
        Self::Futile,
        Self::Skip,
        Self::Repeat,
        Self::Early,
        Self::OtherFrame,
        Self::Stranger,
        Self::Elsewhere,
        Self::Past,
        Self::Future,
        Self::WrongParent,
        Self::WrongOrigin,
        Self::WrongEpoch,
        Self::OtherOverlap,
        Self::Overlap,
        Self::Forbidden,
        Self::Garbage,
        Self::UnknownVersion,
        Self::MissingBlob,
        Self::Undecodable,
        Self::Eager,
        Self::Pause,
        Self::Rotate,
        Self::Forced,
    ];
}

/// How often each is tried, against each other.
const WEIGHTS: [(Move, u64); 21] = [
    (Move::Next, 50),
    (Move::Singulars, 4),
    (Move::Skip, 2),
    (Move::Repeat, 4),
    (Move::Early, 3),
    (Move::OtherFrame, 3),
    (Move::Stranger, 4),
    (Move::Elsewhere, 3),
    (Move::Past, 3),
    (Move::Future, 2),
    (Move::WrongParent, 2),
    (Move::WrongOrigin, 2),
    (Move::WrongEpoch, 2),
    (Move::OtherOverlap, 2),
    (Move::Overlap, 3),
    (Move::Forbidden, 3),
    (Move::Garbage, 2),
    (Move::UnknownVersion, 1),
    (Move::MissingBlob, 1),
    (Move::Undecodable, 1),
    (Move::Eager, 2),
];

impl Simulation {
    pub(super) fn act(&mut self, draft: &mut Draft) {
        let n = draft.block.number;
        if n < self.state.pause {
            return;
        }
        // Where the window is long enough, a channel can be too old and what it holds still in time.
        if self.window > CHANNEL && self.has_open_channel() && self.rng.below(20) == 0 {
            self.state.pause = n + CHANNEL;
            return self.moves.push(Move::Pause);
        }
        if self.rng.below(60) == 0 {
            let long = [CHANNEL, self.window + 3, 4];
            self.state.pause = n + self.rng.pick(&long);
            return self.moves.push(Move::Pause);
        }
        for _ in 0..self.rng.below(4) {
            let total = WEIGHTS.iter().map(|(_, weight)| weight).sum();
            let mut at = self.rng.below(total);
            let chosen = WEIGHTS.iter().find(|(_, weight)| {
                let found = at < *weight;
                at = at.saturating_sub(*weight);
                found
            });
            if let Some((chosen, _)) = chosen {
                self.make_move(*chosen, draft);
            }
        }
    }

    fn make_move(&mut self, chosen: Move, draft: &mut Draft) {
        let made = match chosen {
            Move::Next | Move::Singulars => self.post(draft, chosen == Move::Singulars),
            Move::Skip => self.skip(),
            Move::Repeat => self.repeat(draft),
            Move::Early => self.early(draft),
            Move::OtherFrame => self.other_frame(draft),
            Move::Stranger => self.stranger(draft),
            Move::Elsewhere => self.elsewhere(draft),
            Move::Past => self.past(draft),
            Move::Future => self.future(draft),
            Move::WrongParent => self.wrong_parent(draft),
            Move::WrongOrigin => self.wrong_origin(draft),
            Move::WrongEpoch => self.wrong_epoch(draft),
            Move::OtherOverlap => self.overlap(draft, true),
            Move::Overlap => self.overlap(draft, false),
            Move::Forbidden => self.forbidden(draft),
            Move::Garbage => self.garbage(draft),
            Move::UnknownVersion => self.unknown_version(draft),
            Move::MissingBlob => self.missing_blob(draft),
            Move::Undecodable => self.undecodable(draft),
            Move::Eager => self.eager(draft),
            _ => false,
        };
        if made {
            self.moves.push(chosen);
        }
    }
}

/// Longer than a channel may stay open.
const CHANNEL: u64 = 52;
