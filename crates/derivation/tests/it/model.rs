//! A second deriver, slow and without state: for each L1 block it goes through all of them from the beginning. Frames are
//! judged as op-node's loop over a slice does, batches by one function; neither is shared with the crate, only the codecs.

use alloy_consensus::{Transaction, TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, hex};
use derivation::{
    Deriver, MAX_CHANNEL, Start, Step, Verdict,
    batch::{Batch, BatchTransaction, Batches, TransactionKind},
    blob::blob_data,
    decompress::decompress,
    frame::{Frame, parse_frames},
    span::SpanBatch,
};
use devnet::batcher::{L1Block, L2Block, Simulation};
use rollup::RollupConfig;

use crate::simulated::{client_block, data, grown, l1_blocks};

/// What a batch says of a block.
struct Claim<'a> {
    time: u64,
    parent: Option<B256>,
    epoch: u64,
    epoch_hash: Option<B256>,
    transactions: &'a [BatchTransaction],
}

#[derive(PartialEq)]
enum Verdicts {
    Next,
    Past,
    Drop,
}

struct Model<'a> {
    config: &'a RollupConfig,
    simulation: &'a Simulation,
    l1: Vec<&'a L1Block>,
    head: u64,
}

impl Model<'_> {
    /// Number of the safe head after the last of the L1 blocks.
    fn run(mut self) -> u64 {
        let mut batcher = self.config.genesis.system_config.batcher_addr;
        let mut open: Option<(u64, Vec<Frame>)> = None;
        let mut rest: Option<(SpanBatch, usize)> = None;
        for index in 0..self.l1.len() {
            let block = self.l1[index];
            let n = block.block.number;
            for log in block.logs.iter().filter(|log| log.address == self.config.l1_system_config_address) {
                if log.topics()[2].is_zero() {
                    batcher = Address::from_word(B256::from_slice(&log.data.data[64..]));
                }
            }
            if self.origin() < n
                && let Some((span, from)) = rest.take()
            {
                rest = self.extend(span, from, n);
            }
            for frame in pieces(block, self.config.batch_inbox_address, batcher).into_iter().flat_map(frames) {
                open = open.filter(|(since, _)| since + 50 >= n);
                if frame.number == 0 {
                    open = Some((n, vec![]));
                }
                let Some((_, frames)) = &mut open else { continue };
                let fits = frames.first().is_none_or(|first| first.channel == frame.channel);
                if !fits || frames.len() != usize::from(frame.number) {
                    continue;
                }
                let last = frame.is_last;
                frames.push(frame);
                if last {
                    let channel: Vec<u8> = frames.iter().flat_map(|frame| frame.data.to_vec()).collect();
                    open = None;
                    self.channel(&channel, n, &mut rest);
                }
            }
            if rest.is_none() {
                self.fill(n);
            }
        }
        self.head
    }

    fn channel(&mut self, channel: &[u8], n: u64, rest: &mut Option<(SpanBatch, usize)>) {
        let (content, _) = decompress(channel, MAX_CHANNEL);
        for batch in Batches::new(content.into(), self.config.l2_chain_id).map_while(Result::ok) {
            if self.origin() >= n {
                return;
            }
            let verdict = match batch {
                Batch::Singular(batch) => {
                    let (parent, hash) = (Some(batch.parent_hash), Some(batch.epoch.hash));
                    let (time, epoch, transactions) = (batch.timestamp, batch.epoch.number, &batch.transactions[..]);
                    let claim = Claim { time, parent, epoch, epoch_hash: hash, transactions };
                    let verdict = self.judge(&claim, n);
                    self.head += u64::from(verdict == Verdicts::Next);
                    verdict
                }
                Batch::Span(span) => match self.prefix(&span, n) {
                    Verdicts::Next => {
                        let safe = self.time(self.head + 1) - span.timestamp(0, self.config.genesis.l2_time, 0);
                        let before = self.head;
                        let (from, length) = ((safe / self.config.block_time) as usize, span.len());
                        *rest = self.extend(span, from, n);
                        let whole = rest.is_some() || (self.head - before) as usize == length - from;
                        if whole { Verdicts::Next } else { Verdicts::Drop }
                    }
                    other => other,
                },
            };
            if verdict == Verdicts::Drop {
                return;
            }
        }
    }

    /// Takes the blocks of a span from one on. What is left when its own L1 block is an origin waits for the next one.
    fn extend(&mut self, span: SpanBatch, from: usize, n: u64) -> Option<(SpanBatch, usize)> {
        for index in from..span.len() {
            if self.origin() >= n {
                return Some((span, index));
            }
            let time = span.timestamp(index, self.config.genesis.l2_time, self.config.block_time);
            let (epoch, transactions) = (span.epoch(index), span.transactions(index));
            if self.judge(&Claim { time, parent: None, epoch, epoch_hash: None, transactions }, n) != Verdicts::Next {
                return None;
            }
            self.head += 1;
        }
        None
    }

    fn prefix(&self, span: &SpanBatch, n: u64) -> Verdicts {
        let time = |index| span.timestamp(index, self.config.genesis.l2_time, self.config.block_time);
        let next = self.time(self.head + 1);
        if time(0) > next {
            return Verdicts::Drop;
        }
        if time(span.len() - 1) < next {
            return Verdicts::Past;
        }
        let overlap = (next - time(0)) / self.config.block_time;
        let parent = self.block(self.head - overlap);
        let last = self.l1.iter().find(|block| block.block.number == span.last_epoch && block.block.number <= n);
        let same = (0..overlap).all(|index| {
            let block = self.block(parent.number + 1 + index);
            let hashes = block.transactions.iter().map(devnet::batcher::Transaction::hash);
            let said = span.transactions(index as usize);
            span.epoch(index as usize) == block.origin.number && said.iter().map(|said| said.hash).eq(hashes)
        });
        let holds = (next - time(0)).is_multiple_of(self.config.block_time)
            && parent.hash[..20] == span.parent_check
            && span.first_epoch() + self.config.seq_window_size >= n
            && (parent.origin.number..=parent.origin.number + 1).contains(&span.first_epoch())
            && last.is_some_and(|last| last.block.hash[..20] == span.origin_check)
            && same;
        if holds { Verdicts::Next } else { Verdicts::Drop }
    }

    fn judge(&self, claim: &Claim<'_>, n: u64) -> Verdicts {
        let (head, next) = (self.block(self.head), self.time(self.head + 1));
        if claim.time < next {
            return Verdicts::Past;
        }
        let origin = |number: u64| self.l1.iter().find(|block| block.block.number == number).map(|block| block.block);
        let Some(epoch) = origin(claim.epoch) else { return Verdicts::Drop };
        let can_follow = origin(head.origin.number + 1).is_some_and(|follower| follower.timestamp <= claim.time);
        let is_ahead = claim.time > epoch.timestamp + 1800;
        let begins_jovian = self
            .config
            .jovian_time
            .is_some_and(|jovian| claim.time >= jovian && claim.time - self.config.block_time < jovian);
        let allowed = |transaction: &BatchTransaction| {
            matches!(transaction.kind, TransactionKind::Legacy | TransactionKind::Typed(1 | 2 | 4))
        };
        let holds = claim.time == next
            && claim.parent.is_none_or(|parent| parent == head.hash)
            && claim.epoch + self.config.seq_window_size >= n
            && (claim.epoch == head.origin.number || claim.epoch == head.origin.number + 1)
            && claim.epoch_hash.is_none_or(|hash| hash == epoch.hash)
            && claim.time >= epoch.timestamp
            && (!is_ahead || claim.transactions.is_empty())
            && (!is_ahead || claim.epoch > head.origin.number || !can_follow)
            && (!begins_jovian || claim.transactions.is_empty())
            && claim.transactions.iter().all(allowed);
        if holds { Verdicts::Next } else { Verdicts::Drop }
    }

    /// Empty blocks where the window is over.
    fn fill(&mut self, n: u64) {
        let window = self.config.seq_window_size;
        let late = self.origin() + window < n;
        let epoch = self.origin() + u64::from(late);
        if epoch >= n || epoch + window > n {
            return;
        }
        let follower = self.l1.iter().find(|block| block.block.number == epoch + 1);
        let Some(end) = follower.map(|block| block.block.timestamp) else { return };
        while self.time(self.head + 1) < end || self.origin() < epoch {
            self.head += 1;
        }
    }

    fn block(&self, number: u64) -> &L2Block {
        self.simulation.l2_block(number).expect("a block")
    }

    fn origin(&self) -> u64 {
        self.block(self.head).origin.number
    }

    fn time(&self, number: u64) -> u64 {
        self.config.genesis.l2_time + number * self.config.block_time
    }
}

/// The batcher's data in a block.
pub(crate) fn pieces(block: &L1Block, inbox: Address, batcher: Address) -> Vec<Bytes> {
    let transactions = block.transactions.iter().filter_map(|encoded| {
        let transaction = TxEnvelope::decode_2718(&mut encoded.as_ref()).ok()?;
        let counts = transaction.to() == Some(inbox) && !transaction.is_eip7702();
        (counts && transaction.recover_signer().ok()? == batcher).then_some(transaction)
    });
    let data = transactions.flat_map(|transaction| match transaction.blob_versioned_hashes() {
        None => vec![transaction.input().clone()],
        Some(hashes) => {
            let blob = |hash: &B256| block.blobs.iter().find(|(known, _)| known == hash)?.1.clone();
            hashes.iter().filter_map(blob).filter_map(|blob| blob_data(&blob).ok()).collect()
        }
    });
    data.collect()
}

/// The frames of one piece that are in order, as op-node removes the others from a slice.
fn frames(data: Bytes) -> Vec<Frame> {
    let mut frames = parse_frames(&data).unwrap_or_default();
    let mut at = 0;
    while at + 1 < frames.len() {
        let (current, next) = (&frames[at], &frames[at + 1]);
        if current.channel == next.channel {
            if current.is_last || u32::from(next.number) != u32::from(current.number) + 1 {
                frames.remove(at + 1);
                continue;
            }
        } else if next.number == 0 && !current.is_last {
            frames.remove(at);
            at = at.saturating_sub(1);
            continue;
        } else if next.number != 0 {
            frames.remove(at + 1);
            continue;
        }
        at += 1;
    }
    frames
}

/// The numbers of the deriver's heads, one for each L1 block.
fn derived(simulation: &Simulation, config: &RollupConfig) -> Vec<u64> {
    let anchor = simulation.l2_block(0).expect("genesis").block_ref();
    let start = Start { anchor, batcher: config.genesis.system_config.batcher_addr };
    let mut deriver = Deriver::new(config, start, MAX_CHANNEL).expect("rules");
    let mut heads = vec![];
    for block in l1_blocks(simulation) {
        deriver.feed(data(block)).expect("the next");
        loop {
            let number = match deriver.step() {
                Step::NeedsL1(_) => break,
                Step::Expects(expected) => expected.number,
                Step::NeedsOverlap(number) => number,
            };
            let block = client_block(simulation.l2_block(number).expect("a block"));
            let verdict = deriver.answer(Some(&block));
            assert!(matches!(verdict, Verdict::Matched(_) | Verdict::Seen), "{verdict:?}");
        }
        heads.push(deriver.head().number);
    }
    heads
}

#[test]
fn both_derivers_have_the_same_heads() {
    for seed in 10_000..10_060 {
        let simulation = grown(seed, 60);
        let config = RollupConfig::from_json(&simulation.rollup_config().to_string()).unwrap();
        let l1: Vec<_> = l1_blocks(&simulation).collect();
        let heads = derived(&simulation, &config);
        for end in (1..=l1.len()).filter(|end| end % 6 == 0 || *end == l1.len()) {
            let model = Model { config: &config, simulation: &simulation, l1: l1[..end].to_vec(), head: 0 };
            assert_eq!(heads[end - 1], model.run(), "seed {seed}, after {end} L1 blocks");
        }
    }
}

#[test]
fn frames_are_removed_as_op_node_does() {
    // Every sequence of four frames of two channels.
    let kinds: Vec<_> = (0..12_u8).map(|kind| (kind % 2, u16::from(kind / 2 % 3), kind / 6 == 1)).collect();
    let frame = |(channel, number, is_last): (u8, u16, bool)| {
        let head = [&[channel; 16][..], &number.to_be_bytes(), &[0; 4], &[u8::from(is_last)]].concat();
        hex::encode(head)
    };
    for index in 0..12_usize.pow(4) {
        let list: Vec<_> = (0..4).map(|place| kinds[index / 12_usize.pow(place) % 12]).collect();
        let data: Bytes =
            hex::decode(format!("00{}", list.iter().map(|kind| frame(*kind)).collect::<String>())).unwrap().into();
        let kept = derivation::frame::in_order(parse_frames(&data).unwrap(), |_, _| {});
        assert_eq!(kept, frames(data), "{list:?}");
    }
}
