//! Whether the execution client has the block that a batch tells of. It executed what it has, so a block with exactly
//! these transactions on this parent is the one that every correct node derives.

use alloy_primitives::{Address, B256, Bytes, U256};
use rollup::{BlockId, CalldataError, L1Info, L1InfoFormat, L2BlockRef};
use thiserror::Error;

use crate::{
    batch::BatchTransaction,
    origins::{Origin, Origins},
    rules::Rules,
    sabotage::Bug,
};

/// An L2 block that the execution client has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientBlock {
    /// Its hash.
    pub hash: B256,
    /// Its number.
    pub number: u64,
    /// Hash of the block before it.
    pub parent_hash: B256,
    /// Its timestamp.
    pub timestamp: u64,
    /// Input of its first transaction, the L1-info deposit.
    pub l1_info: Bytes,
    /// Hashes of all its transactions, the L1-info deposit first.
    pub transactions: Vec<B256>,
}

/// The L2 block that comes next by the data on L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its number.
    pub number: u64,
    /// The block before it.
    pub parent_hash: B256,
    /// Its timestamp.
    pub timestamp: u64,
    /// Its L1 origin.
    pub origin: BlockId,
    /// Distance to the first block of the same origin.
    pub sequence_number: u64,
    /// What follows the deposits.
    pub transactions: Vec<BatchTransaction>,
    /// Whether no batch tells of it: the sequencing window is over, so it is empty.
    pub is_forced: bool,
}

/// How the client's block differs from what is expected. It may be about to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Difference {
    /// It has another number than was asked for.
    #[error("it is block {0}")]
    Number(u64),
    /// It stands on another block.
    #[error("its parent is {0}")]
    Parent(B256),
    /// It has another timestamp.
    #[error("its timestamp is {0}")]
    Timestamp(u64),
    /// Its first transaction says nothing of an L1 origin.
    #[error("{0}")]
    NoL1Info(CalldataError),
    /// It has another L1 origin.
    #[error("its L1 origin is {} {}", .0.number, .0.hash)]
    Origin(BlockId),
    /// What it says of its L1 origin is not so.
    #[error("the {0} of its L1 origin is another")]
    L1Info(&'static str),
    /// It begins with more or fewer deposits than its L1 origin has.
    #[error("it has {found} deposits, not {expected}")]
    Deposits {
        /// How many its L1 origin has, with the L1 info.
        expected: usize,
        /// How many transactions come before those of the batch.
        found: usize,
    },
    /// It has other transactions.
    #[error("its transactions are others")]
    Transactions,
    /// It has deposits only where the batch has more. Either an invalid block was replaced, or the client is wrong.
    #[error("it has deposits only")]
    DepositsOnly,
}

/// The L1 origin and the place in its epoch that a client's block names.
pub(crate) fn block_ref(block: &ClientBlock) -> Result<L2BlockRef, Difference> {
    let info = L1Info::decode(&block.l1_info).map_err(Difference::NoL1Info)?;
    Ok(L2BlockRef {
        hash: block.hash,
        number: block.number,
        parent_hash: block.parent_hash,
        timestamp: block.timestamp,
        l1_origin: info.origin,
        sequence_number: info.sequence_number,
    })
}

/// The client's block if it is the one expected.
pub(crate) fn compare(
    expected: &Expected,
    block: &ClientBlock,
    origins: &Origins,
    rules: &Rules,
) -> Result<L2BlockRef, Difference> {
    if block.number != expected.number {
        return Err(Difference::Number(block.number));
    }
    if block.parent_hash != expected.parent_hash {
        return Err(Difference::Parent(block.parent_hash));
    }
    if block.timestamp != expected.timestamp {
        return Err(Difference::Timestamp(block.timestamp));
    }
    let block_ref = block_ref(block)?;
    if block_ref.l1_origin != expected.origin {
        return Err(Difference::Origin(block_ref.l1_origin));
    }
    if block_ref.sequence_number != expected.sequence_number {
        return Err(Difference::L1Info("distance to the first block"));
    }
    let origin = origins.get(expected.origin.number).filter(|origin| origin.id == expected.origin);
    if let Some(origin) = origin {
        l1_info(&block.l1_info, origin)?;
    }
    transactions(&expected.transactions, block, &block_ref, origins, rules)?;
    Ok(block_ref)
}

/// Whether what a block says of its L1 origin is so. What depends on tables of L1 forks is not looked at.
fn l1_info(calldata: &Bytes, origin: &Origin) -> Result<(), Difference> {
    let info = L1Info::decode(calldata).map_err(Difference::NoL1Info)?;
    if info.time != origin.time {
        return Err(Difference::L1Info("timestamp"));
    }
    // In ABI words before Ecotone, packed since then; both have been checked for their length.
    let (base_fee, batcher) = if info.format == L1InfoFormat::Bedrock { (68, 164) } else { (36, 132) };
    let word = |at: usize| calldata.get(at..at + 32).map(B256::from_slice).unwrap_or_default();
    if U256::from_be_bytes(word(base_fee).0) != U256::from(origin.base_fee) {
        return Err(Difference::L1Info("base fee"));
    }
    if Address::from_word(word(batcher)) != origin.batcher {
        return Err(Difference::L1Info("batcher"));
    }
    Ok(())
}

/// Whether a block holds exactly these transactions after its deposits.
pub(crate) fn transactions(
    expected: &[BatchTransaction],
    block: &ClientBlock,
    block_ref: &L2BlockRef,
    origins: &Origins,
    rules: &Rules,
) -> Result<(), Difference> {
    let deposits = Deposits::of(block_ref, origins, rules);
    let found = block.transactions.len();
    let hashes = || expected.iter().map(|transaction| &transaction.hash);
    let front = found.checked_sub(expected.len()).filter(|front| block.transactions[*front..].iter().eq(hashes()));
    match front {
        Some(front) if deposits.permits(front) => Ok(()),
        Some(front) => Err(Difference::Deposits { expected: deposits.least, found: front }),
        None if found == deposits.least && Bug::DepositsOnly.bites() => Ok(()),
        None if found == deposits.least => Err(Difference::DepositsOnly),
        None => Err(Difference::Transactions),
    }
}

/// How many deposits a block begins with.
struct Deposits {
    least: usize,
    /// Whether there may be more: those of a fork, or of an L1 origin that was never seen.
    or_more: bool,
}

impl Deposits {
    fn of(block: &L2BlockRef, origins: &Origins, rules: &Rules) -> Self {
        let upgrades = rules.has_upgrades(block.timestamp);
        if block.sequence_number > 0 {
            return Self { least: 1, or_more: upgrades };
        }
        match origins.get(block.l1_origin.number).filter(|origin| origin.id == block.l1_origin) {
            Some(origin) => Self { least: 1 + origin.deposits, or_more: upgrades },
            None => Self { least: 1, or_more: true },
        }
    }

    fn permits(&self, found: usize) -> bool {
        if self.or_more { found >= self.least } else { found == self.least }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rollup::network;

    use super::*;

    /// A time of blocks of OP mainnet, and the first of Jovian.
    const TIME: u64 = 1_750_000_001;
    const JOVIAN: u64 = 1_764_691_201;

    fn rules() -> Arc<Rules> {
        Rules::new(&network("op-mainnet").unwrap()).unwrap()
    }

    fn origin() -> Origin {
        let id = BlockId { hash: B256::repeat_byte(5), number: 5 };
        Origin { id, time: TIME - 4, base_fee: 77, deposits: 2, batcher: Address::with_last_byte(9) }
    }

    fn calldata(sequence_number: u64, base_fee: u64, batcher: u8) -> Bytes {
        let info = L1Info { format: L1InfoFormat::Jovian, origin: origin().id, time: TIME - 4, sequence_number };
        let mut calldata = info.encode().to_vec();
        calldata[36..68].copy_from_slice(&U256::from(base_fee).to_be_bytes::<32>());
        calldata[163] = batcher;
        calldata.into()
    }

    fn hashes(bytes: &[u8]) -> Vec<B256> {
        bytes.iter().map(|byte| B256::repeat_byte(*byte)).collect()
    }

    fn expected(sequenced: &[u8]) -> Expected {
        let kind = crate::batch::TransactionKind::Legacy;
        let transactions = hashes(sequenced).into_iter().map(|hash| BatchTransaction { kind, hash }).collect();
        Expected {
            number: 8,
            parent_hash: B256::repeat_byte(7),
            timestamp: TIME,
            origin: origin().id,
            sequence_number: 0,
            transactions,
            is_forced: false,
        }
    }

    /// The block with two transactions after the L1 info and two deposits.
    fn block() -> ClientBlock {
        ClientBlock {
            hash: B256::repeat_byte(8),
            number: 8,
            parent_hash: B256::repeat_byte(7),
            timestamp: TIME,
            l1_info: calldata(0, 77, 9),
            transactions: hashes(&[1, 2, 3, 0xa, 0xb]),
        }
    }

    #[track_caller]
    fn check(expected: Expected, block: ClientBlock, difference: Option<Difference>) {
        let mut origins = Origins::default();
        origins.push(origin(), 10);
        assert_eq!(compare(&expected, &block, &origins, &rules()).err(), difference);
    }

    #[test]
    fn the_block_is_the_expected_one() {
        let ab = || expected(&[0xa, 0xb]);
        check(ab(), block(), None);
        check(ab(), ClientBlock { number: 9, ..block() }, Some(Difference::Number(9)));
        check(ab(), ClientBlock { parent_hash: B256::ZERO, ..block() }, Some(Difference::Parent(B256::ZERO)));
        check(ab(), ClientBlock { timestamp: 1, ..block() }, Some(Difference::Timestamp(1)));
        let none = CalldataError::NoSelector(0);
        check(ab(), ClientBlock { l1_info: Bytes::new(), ..block() }, Some(Difference::NoL1Info(none)));
        let elsewhere = BlockId { hash: B256::ZERO, number: 5 };
        check(Expected { origin: elsewhere, ..ab() }, block(), Some(Difference::Origin(origin().id)));
        for (l1_info, what) in [
            (calldata(1, 77, 9), "distance to the first block"),
            (calldata(0, 78, 9), "base fee"),
            (calldata(0, 77, 8), "batcher"),
        ] {
            check(ab(), ClientBlock { l1_info, ..block() }, Some(Difference::L1Info(what)));
        }
    }

    #[test]
    fn its_transactions_are_those_of_the_batch_after_the_deposits() {
        let deposits = |found| Some(Difference::Deposits { expected: 3, found });
        for (sequenced, found, difference) in [
            (&[0xa, 0xb][..], &[1, 2, 3, 0xa, 0xb][..], None),
            (&[0xa, 0xb], &[1, 2, 3, 0xb, 0xa], Some(Difference::Transactions)),
            (&[0xa, 0xb], &[1, 2, 3, 0xa, 0xb, 0xc], Some(Difference::Transactions)),
            (&[0xa, 0xb], &[0xa], Some(Difference::Transactions)),
            (&[0xa, 0xb], &[1, 2, 0xa, 0xb], deposits(2)),
            (&[0xa, 0xb], &[1, 2, 3, 4, 0xa, 0xb], deposits(4)),
            (&[0xa, 0xb], &[1, 2, 3], Some(Difference::DepositsOnly)),
            (&[], &[1, 2, 3], None),
            // An empty batch, and a client that filled the block.
            (&[], &[1, 2, 3, 0xa], deposits(4)),
        ] {
            check(expected(sequenced), ClientBlock { transactions: hashes(found), ..block() }, difference);
        }
    }

    #[test]
    fn only_the_first_block_of_an_epoch_has_the_users_deposits() {
        let later = |found: &[u8]| ClientBlock { l1_info: calldata(1, 77, 9), transactions: hashes(found), ..block() };
        let second = || Expected { sequence_number: 1, ..expected(&[0xa]) };
        check(second(), later(&[1, 0xa]), None);
        check(second(), later(&[1, 2, 0xa]), Some(Difference::Deposits { expected: 1, found: 2 }));
    }

    #[test]
    fn the_first_block_of_a_fork_has_more_deposits() {
        let first = || Expected { timestamp: JOVIAN, ..expected(&[]) };
        let block = |found: &[u8]| ClientBlock { timestamp: JOVIAN, transactions: hashes(found), ..block() };
        check(first(), block(&[1, 2, 3, 4, 5, 6]), None);
        check(first(), block(&[1, 2]), Some(Difference::Deposits { expected: 3, found: 2 }));
    }
}
