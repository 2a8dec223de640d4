//! A channel on its way.

use std::sync::Arc;

use super::block::L2Block;

/// A channel of which frames are still to be sent.
#[derive(Clone, Debug)]
pub(super) struct Posting {
    pub(super) frames: Vec<Vec<u8>>,
    pub(super) sent: usize,
    /// The L1 block with the first.
    pub(super) since: u64,
    /// The blocks that it tells of.
    pub(super) blocks: Vec<Arc<L2Block>>,
    /// Whether a frame was left out or another channel took its place: nothing will come of it.
    pub(super) is_spoiled: bool,
}
