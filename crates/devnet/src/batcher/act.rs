//! Which moves are made in an L1 block.

use super::{
    moves::Move,
    simulation::{Draft, Simulation},
};

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
