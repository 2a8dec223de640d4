//! Where a block stands with respect to our own L1.

use rollup::{BlockId, L1BlockRef};

use crate::{Bug, L1View};

/// The answer to "may a status that names this L1 block be served?"
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On our canonical chain: accept.
    Canonical(L1BlockRef),
    /// Above our head, or not deep enough below it: wait.
    Ahead,
    /// Below what we retain, and nobody looked it up: wait.
    Unknown,
    /// Another block stands at that height on our chain: refuse.
    Fork,
}

impl L1View {
    /// Places `block` on this chain. `evidence` holds canonical blocks below the retained refs; `confs` is the number
    /// of L1 confirmations asked for, which gates what is published and never what may be looked up.
    pub fn place(&self, block: BlockId, evidence: &[L1BlockRef], confs: u64) -> Place {
        if block.number > self.head().number || !within_conf_depth(Some(self.head().number), block.number, confs) {
            return Place::Ahead;
        }
        let ours =
            self.refs.at(block.number).or_else(|| evidence.iter().find(|known| known.number == block.number).copied());
        match ours {
            Some(known) if known.hash == block.hash || Bug::Hashes.bites() => Place::Canonical(known),
            Some(_) => Place::Fork,
            None => Place::Unknown,
        }
    }
}

/// op-node's `ConfDepth`: whether L1 block `number` is deep enough under `head`. Genesis and an unknown head pass.
pub fn within_conf_depth(head: Option<u64>, number: u64, depth: u64) -> bool {
    match head {
        Some(head) => number == 0 || depth == 0 || number.saturating_add(depth) <= head,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// op-node's own table (`confdepth/conf_depth_test.go`).
    #[test]
    fn conf_depth_as_op_node() {
        for (head, number, depth, passes) in [
            (Some(4), 5, 0, true),
            (Some(4), 4, 0, true),
            (Some(4), 3, 0, true),
            (Some(4), 5, 1, false),
            (Some(4), 4, 1, false),
            (Some(4), 3, 1, true),
            (Some(4), 5, 2, false),
            (Some(4), 4, 2, false),
            (Some(4), 3, 2, false),
            (Some(4), 2, 2, true),
            (Some(100), 20, 5, true),
            (Some(0), 0, 4, true),
            (None, 10, 4, true),
        ] {
            assert_eq!(within_conf_depth(head, number, depth), passes, "head {head:?} number {number} depth {depth}");
        }
    }
}
