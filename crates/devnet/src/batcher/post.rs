//! Channels as they should be, and what their frames come to.

use std::sync::Arc;

use super::{
    block::L2Block,
    encode,
    moves::Move,
    posting::Posting,
    simulation::{CHANNEL_TIMEOUT, Draft, GENESIS_TIME, INBOX, L1_CHAIN_ID, Simulation},
};

impl Simulation {
    /// Whether what is completed in this L1 block can count: the safe head is of an earlier one.
    pub(super) fn counts(&self, draft: &Draft) -> bool {
        self.safe_head().origin.number < draft.block.number
    }

    /// A span of these blocks.
    pub(super) fn span(&self, blocks: &[Arc<L2Block>]) -> Vec<u8> {
        let blocks: Vec<L2Block> = blocks.iter().map(|block| L2Block::clone(block)).collect();
        let parent = &self.state.l2[blocks[0].number as usize - 1];
        let begins = parent.origin.number != blocks[0].origin.number;
        encode::span(GENESIS_TIME, parent.hash, blocks[blocks.len() - 1].origin.hash, &blocks, begins)
    }

    /// Sends some frames of the open channel, or begins one.
    pub(super) fn post(&mut self, draft: &mut Draft, singulars: bool) -> bool {
        let n = draft.block.number;
        if self.state.posting.is_none() && !self.begin(draft, singulars) {
            return false;
        }
        let Some(mut posting) = self.state.posting.take() else { return false };
        let count = 1 + self.rng.below(3) as usize;
        let end = posting.frames.len().min(posting.sent + count);
        if posting.sent == 0 {
            posting.since = n;
        }
        let frames = posting.frames[posting.sent..end].concat();
        posting.sent = end;
        self.send(draft, &frames);
        if end < posting.frames.len() {
            self.state.posting = Some(posting);
        } else {
            self.complete(draft, &posting);
        }
        true
    }

    fn begin(&mut self, draft: &Draft, singulars: bool) -> bool {
        let count = if self.rng.percent(10) { 40 } else { 1 + self.rng.below(8) as usize };
        let blocks = self.ahead(count, draft.block.number - 1);
        if blocks.is_empty() {
            return false;
        }
        let batches: Vec<_> = if singulars {
            blocks.iter().map(|block| encode::singular(block, block.parent_hash, block.origin.hash)).collect()
        } else {
            // Sometimes as two spans.
            let (first, second) = blocks.split_at(if self.rng.percent(20) { blocks.len() / 2 } else { 0 });
            [first, second].iter().filter(|part| !part.is_empty()).map(|part| self.span(part)).collect()
        };
        let zlib = self.rng.percent(70);
        let mut channel = encode::channel(&batches, zlib);
        if zlib && self.rng.percent(20) {
            // Without its checksum it has no end, and all that is in it counts.
            channel.truncate(channel.len() - 4);
        }
        let count = 1 + self.rng.below(5) as usize;
        let frames = encode::frames(self.channel_id(), &channel, count);
        self.state.posting = Some(Posting { frames, sent: 0, since: 0, blocks, is_spoiled: false });
        true
    }

    /// The last frame was sent.
    fn complete(&mut self, draft: &Draft, posting: &Posting) {
        let n = draft.block.number;
        let in_time = posting.since + CHANNEL_TIMEOUT >= n && !posting.is_spoiled;
        let is_next = posting.blocks[0].parent_hash == self.safe_head().hash;
        let in_window = posting.blocks[0].origin.number + self.window >= n;
        if in_time && is_next && in_window && self.counts(draft) {
            self.accept(posting.blocks.len());
            self.moves.push(Move::Completed);
        } else {
            self.moves.push(Move::Futile);
        }
    }

    /// So many blocks after the safe head are safe now, and whoever had doubts has none.
    pub(super) fn accept(&mut self, count: usize) {
        self.state.safe += count;
        self.state.doubt = None;
    }

    /// Whether some frames of a channel were sent and the rest can still complete it.
    pub(super) fn has_open_channel(&self) -> bool {
        self.state.posting.as_ref().is_some_and(|posting| posting.sent > 0 && !posting.is_spoiled)
    }

    /// Another channel began.
    pub(super) fn replace_open(&mut self) {
        if let Some(posting) = self.state.posting.as_mut().filter(|posting| posting.sent > 0) {
            posting.is_spoiled = true;
        }
    }

    /// Sends a channel in one frame. True if it will be read to its end.
    pub(super) fn send_channel(&mut self, draft: &mut Draft, batches: &[Vec<u8>]) -> bool {
        let channel = encode::channel(batches, self.rng.percent(70));
        self.replace_open();
        let frame = encode::frame(self.channel_id(), 0, &channel, true);
        self.send(draft, &frame);
        self.counts(draft)
    }

    /// Sends frames in the batcher's name, as calldata or as a blob.
    pub(super) fn send(&mut self, draft: &mut Draft, frames: &[u8]) {
        let data = [&[0], frames].concat();
        let nonce = self.nonce();
        let as_blob = data.len() < 120_000 && self.rng.percent(20);
        let key = self.key(self.state.key);
        let transaction = if as_blob {
            let (hash, blob) = encode::blob(&data);
            draft.blobs.push((hash, Some(blob.into())));
            // The calldata beside blobs does not count.
            key.blobs(L1_CHAIN_ID, nonce, INBOX, &[hash], &[0, 1, 2])
        } else {
            key.calldata(2, L1_CHAIN_ID, nonce, INBOX, &data)
        };
        draft.transactions.push(transaction);
    }

    pub(super) fn channel_id(&mut self) -> [u8; 16] {
        *self.rng.hash().first_chunk().expect("a hash is longer")
    }

    pub(super) fn nonce(&mut self) -> u64 {
        self.next_nonce += 1;
        self.next_nonce
    }

    /// A frame of the open channel is never sent.
    pub(super) fn skip(&mut self) -> bool {
        let open =
            self.state.posting.as_mut().filter(|posting| posting.sent > 0 && posting.sent + 1 < posting.frames.len());
        let Some(posting) = open else { return false };
        posting.sent += 1;
        posting.is_spoiled = true;
        true
    }

    /// A frame of the open channel is sent once more, unless it is the first, which would begin it anew.
    pub(super) fn repeat(&mut self, draft: &mut Draft) -> bool {
        let open = self.state.posting.as_ref().filter(|posting| posting.sent > 1 && !posting.is_spoiled);
        let Some(frame) = open.map(|posting| posting.frames[posting.sent - 1].clone()) else { return false };
        self.send(draft, &frame);
        true
    }

    /// The frame after the next of the open channel is sent now, and again when it is due.
    pub(super) fn early(&mut self, draft: &mut Draft) -> bool {
        let open = self.state.posting.as_ref().filter(|posting| posting.sent > 0 && !posting.is_spoiled);
        let Some(frame) = open.and_then(|posting| posting.frames.get(posting.sent + 1).cloned()) else { return false };
        self.send(draft, &frame);
        true
    }
}
