//! Chains of the adversarial batcher, and the batches in them.

use alloy_consensus::{Transaction, TxEnvelope};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::Bytes;
use alloy_rlp::Header;
use derivation::{ClientBlock, L1Data, decompress::decompress, frame::parse_frames};
use devnet::batcher::{L1Block, L2Block, Simulation};

/// A seed after so many L1 blocks, without a reorg.
pub(crate) fn grown(seed: u64, blocks: u64) -> Simulation {
    let mut simulation = Simulation::new(seed);
    (0..blocks).for_each(|_| simulation.tick());
    simulation
}

pub(crate) fn l1_blocks(simulation: &Simulation) -> impl Iterator<Item = &L1Block> {
    let (first, last) = (simulation.l1_genesis().block.number, simulation.l1_head().block.number);
    (first..=last).filter_map(|number| simulation.l1_block(number))
}

pub(crate) fn data(block: &L1Block) -> L1Data {
    let L1Block { block, base_fee, transactions, logs, blobs, .. } = block.clone();
    L1Data { block, base_fee, transactions, logs, blobs }
}

pub(crate) fn client_block(block: &L2Block) -> ClientBlock {
    let transactions = block.hashes();
    let &L2Block { hash, number, parent_hash, timestamp, .. } = block;
    ClientBlock { hash, number, parent_hash, timestamp, l1_info: block.l1_info.clone(), transactions }
}

/// Batches as they stand in the channels of single frames.
pub(crate) fn batches(simulation: &Simulation) -> Vec<Bytes> {
    let transactions = l1_blocks(simulation).flat_map(|block| &block.transactions);
    let inputs = transactions.filter_map(|encoded| {
        let transaction = TxEnvelope::decode_2718(&mut encoded.as_ref()).ok()?;
        Some(transaction.input().clone())
    });
    let frames = inputs.filter_map(|input| parse_frames(&input).ok()).flatten();
    let channels = frames.filter(|frame| frame.number == 0 && frame.is_last);
    let contents = channels.map(|frame| decompress(&frame.data, 1_000_000).0);
    contents.flat_map(|content| strings(&content)).collect()
}

pub(crate) fn strings(mut content: &[u8]) -> Vec<Bytes> {
    let mut strings = Vec::new();
    while let Ok(string) = Header::decode_bytes(&mut content, false) {
        strings.push(Bytes::copy_from_slice(string));
    }
    strings
}
