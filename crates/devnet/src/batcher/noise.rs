//! What comes to nothing, or to less than it says.

use std::sync::Arc;

use super::{
    L2Block, Simulation, Transaction, encode,
    simulation::{Draft, GENESIS_TIME, INBOX, L1_CHAIN_ID, L2_CHAIN_ID},
};

impl Simulation {
    pub(super) fn other_frame(&mut self, draft: &mut Draft) -> bool {
        let frame = encode::frame(self.channel_id(), 1 + self.rng.below(3) as u16, b"of another", true);
        self.send(draft, &frame);
        true
    }

    /// The next blocks as a channel in one frame, with the version of the data.
    fn next_as_data(&mut self, draft: &Draft) -> Option<Vec<u8>> {
        let blocks = self.ahead(3, draft.block.number - 1);
        let span = (!blocks.is_empty()).then(|| self.span(&blocks))?;
        let frame = encode::frame(self.channel_id(), 0, &encode::channel(&[span], true), true);
        Some([&[0], &frame[..]].concat())
    }

    pub(super) fn stranger(&mut self, draft: &mut Draft) -> bool {
        let Some(data) = self.next_as_data(draft) else { return false };
        // One of the other batchers, or nobody in particular.
        let other = self.rng.pick(&[1, 2, 3, 77, 78]);
        let other = if other == self.state.key { 79 } else { other };
        let nonce = self.nonce();
        let transaction = self.key(other).calldata(2, L1_CHAIN_ID, nonce, INBOX, &data);
        draft.transactions.push(transaction);
        true
    }

    pub(super) fn elsewhere(&mut self, draft: &mut Draft) -> bool {
        let Some(data) = self.next_as_data(draft) else { return false };
        let nonce = self.nonce();
        let (to_itself, key) = (self.rng.percent(50), self.key(self.state.key));
        let transaction = if to_itself {
            key.calldata(2, L1_CHAIN_ID, nonce, key.address, &data)
        } else {
            key.calldata(4, L1_CHAIN_ID, nonce, INBOX, &data)
        };
        draft.transactions.push(transaction);
        true
    }

    pub(super) fn past(&mut self, draft: &mut Draft) -> bool {
        let safe = self.state.safe as u64;
        if safe == 0 {
            return false;
        }
        let from = (1 + self.rng.below(safe)) as usize;
        let to = (from + self.rng.below(5) as usize).min(self.state.safe);
        let span = self.span(&self.state.l2[from..=to]);
        // What is past costs the rest of the channel nothing.
        let next = self.ahead(2, draft.block.number - 1);
        let follows = !next.is_empty() && self.rng.percent(50);
        let batches = if follows { vec![span, self.span(&next)] } else { vec![span] };
        if self.send_channel(draft, &batches) && follows && self.in_window(&next[0], draft) {
            self.accept(next.len());
        }
        true
    }

    pub(super) fn in_window(&self, block: &L2Block, draft: &Draft) -> bool {
        block.origin.number + self.window >= draft.block.number
    }

    pub(super) fn future(&mut self, draft: &mut Draft) -> bool {
        let blocks = self.ahead(4, draft.block.number - 1);
        if blocks.len() < 4 {
            return false;
        }
        // With the parent it would need if the gap did not matter.
        let span = self.span_on(&blocks[2..], self.safe_head().hash);
        self.send_channel(draft, &[span]);
        self.futures.push(draft.block.number);
        true
    }

    fn span_on(&self, blocks: &[Arc<L2Block>], parent: alloy_primitives::B256) -> Vec<u8> {
        let blocks: Vec<L2Block> = blocks.iter().map(|block| L2Block::clone(block)).collect();
        encode::span(GENESIS_TIME, parent, blocks[blocks.len() - 1].origin.hash, &blocks, false)
    }

    pub(super) fn wrong_parent(&mut self, draft: &mut Draft) -> bool {
        let blocks = self.ahead(2, draft.block.number - 1);
        if blocks.is_empty() {
            return false;
        }
        let parent = self.rng.hash();
        let batch = if self.rng.percent(50) {
            self.span_on(&blocks, parent)
        } else {
            encode::singular(&blocks[0], parent, blocks[0].origin.hash)
        };
        self.send_channel(draft, &[batch]);
        true
    }

    pub(super) fn wrong_origin(&mut self, draft: &mut Draft) -> bool {
        let blocks = self.ahead(2, draft.block.number - 1);
        if blocks.is_empty() {
            return false;
        }
        let other = self.rng.hash();
        let batch = if self.rng.percent(50) {
            let copies: Vec<L2Block> = blocks.iter().map(|block| L2Block::clone(block)).collect();
            encode::span(GENESIS_TIME, self.safe_head().hash, other, &copies, false)
        } else {
            encode::singular(&blocks[0], self.safe_head().hash, other)
        };
        self.send_channel(draft, &[batch]);
        true
    }

    pub(super) fn wrong_epoch(&mut self, draft: &mut Draft) -> bool {
        let head = self.safe_head().clone();
        let epoch = head.origin.number + 2;
        if epoch >= draft.block.number {
            return false;
        }
        let block = self.make(&head, epoch, vec![]);
        let batch = encode::singular(&block, head.hash, block.origin.hash);
        // Once the window of the safe head's epoch is over, implementations take it and then fail.
        if self.send_channel(draft, &[batch]) && !self.in_window(&head, draft) {
            self.doubt(draft);
        }
        true
    }

    /// A span from below the safe head on, with other contents there or with the same.
    pub(super) fn overlap(&mut self, draft: &mut Draft, other: bool) -> bool {
        let next = self.ahead(3, draft.block.number - 1);
        let safe = self.state.safe;
        if next.is_empty() || safe == 0 {
            return false;
        }
        let from = safe + 1 - (1 + self.rng.below(safe.min(4) as u64)) as usize;
        let mut blocks: Vec<_> = self.state.l2[from..=safe].to_vec();
        let first_epoch_in_window = self.in_window(&blocks[0], draft);
        blocks.extend(next.iter().cloned());
        if other {
            let at = self.rng.below((safe + 1 - from) as u64) as usize;
            let mut altered = L2Block::clone(&blocks[at]);
            altered.transactions.push(Transaction::random(&mut self.rng, L2_CHAIN_ID));
            blocks[at] = Arc::new(altered);
        }
        let span = self.span(&blocks);
        let read = self.send_channel(draft, &[span]);
        if read && !other && first_epoch_in_window && self.in_window(&next[0], draft) {
            self.accept(next.len());
        }
        true
    }

    /// The third block of a span holds what no batch may, or what the first block of a fork may not.
    pub(super) fn forbidden(&mut self, draft: &mut Draft) -> bool {
        let blocks = self.ahead(4, draft.block.number - 1);
        if blocks.len() < 4 || !self.in_window(&blocks[0], draft) {
            return false;
        }
        let mut span: Vec<_> = blocks.clone();
        let mut third = L2Block::clone(&blocks[2]);
        third.transactions.push(if self.begins_jovian(third.timestamp) {
            Transaction::random(&mut self.rng, L2_CHAIN_ID)
        } else {
            Transaction::post_exec(vec![1, 2, 3], L2_CHAIN_ID)
        });
        span[2] = Arc::new(third);
        let batches = [self.span(&span), encode::singular(&blocks[2], blocks[1].hash, blocks[2].origin.hash)];
        if self.send_channel(draft, &batches) {
            self.accept(2);
        }
        true
    }

    pub(super) fn garbage(&mut self, draft: &mut Draft) -> bool {
        let length = 1 + self.rng.below(200) as usize;
        let mut garbage = self.rng.bytes(length);
        // No frame is so short, so nothing of it is one.
        garbage.truncate(22);
        self.send(draft, &garbage);
        true
    }

    pub(super) fn unknown_version(&mut self, draft: &mut Draft) -> bool {
        let version = 1 + self.rng.below(255) as u8;
        let nonce = self.nonce();
        let transaction = self.key(self.state.key).calldata(2, L1_CHAIN_ID, nonce, INBOX, &[version, 1, 2]);
        draft.transactions.push(transaction);
        self.doubt(draft);
        true
    }

    pub(super) fn missing_blob(&mut self, draft: &mut Draft) -> bool {
        let hash = self.rng.hash();
        draft.blobs.push((hash, None));
        let nonce = self.nonce();
        let transaction = self.key(self.state.key).blobs(L1_CHAIN_ID, nonce, INBOX, &[hash], &[]);
        draft.transactions.push(transaction);
        self.doubt(draft);
        true
    }

    pub(super) fn undecodable(&mut self, draft: &mut Draft) -> bool {
        self.replace_open();
        let counts = self.counts(draft);
        let content = self.rng.pick(&[&[2, 1, 2][..], &[0x78, 0x9c, 0xff], &[1, 0x11, 0, 0]]);
        let frame = encode::frame(self.channel_id(), 0, content, true);
        self.send(draft, &frame);
        if counts {
            self.doubt(draft);
        }
        true
    }

    fn doubt(&mut self, draft: &Draft) {
        self.state.doubt.get_or_insert(draft.block.number);
    }

    /// A span up to the second block of the L1 block that it is in: from the first of that epoch on it counts with the
    /// next L1 block.
    pub(super) fn eager(&mut self, draft: &mut Draft) -> bool {
        let n = draft.block.number;
        if self.state.l2.len() != self.state.safe + 1 || !self.counts(draft) {
            return false;
        }
        let mut blocks: Vec<Arc<L2Block>> = vec![];
        while blocks.iter().filter(|block| block.origin.number == n).count() < 3 {
            let parent = blocks.last().unwrap_or(self.safe_head()).clone();
            match self.next_block(&parent, n, 100).filter(|_| blocks.len() < 60) {
                Some(block) => blocks.push(Arc::new(block)),
                None => return false,
            }
        }
        if !self.in_window(&blocks[0], draft) {
            return false;
        }
        let span = {
            self.state.l2.extend(blocks.iter().cloned());
            self.span(&blocks)
        };
        self.send_channel(draft, &[span]);
        let before = blocks.iter().filter(|block| block.origin.number < n).count();
        self.accept(before + 1);
        self.state.carried = blocks.len() - before - 1;
        true
    }
}
