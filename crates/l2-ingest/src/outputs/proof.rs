//! An output from an execution client: proven against the block's state root, on one connection.

use alloy_eips::BlockId as AtBlock;
use alloy_primitives::U64;
use alloy_rpc_types_eth::EIP1186AccountProofResponse;
use futures::future::join;
use rollup::{
    AccountProof, BlockId, L1InfoError, L2_TO_L1_MESSAGE_PASSER, L2Header, Output, OutputHeader, RollupConfig,
    SyncStatus, l2_block_ref,
};
use serde_json::{Value, json};
use upstream::{CallError, Client};

use super::setback::Setback;
use crate::{first_transaction::FirstTransactions, labels::decode};

/// Reads the output of block `number` to go with `status`, and says whether both are final.
///
/// Safe, finalized and the block itself are read again after the proof: while all of them are where `status` and the
/// first reading have them, the block is of the chain that `status` tells of.
pub(crate) async fn read(
    client: &Client,
    rollup: &RollupConfig,
    number: u64,
    status: &SyncStatus,
) -> Result<(Output, bool), Setback> {
    let header: Option<OutputHeader> = client.call("eth_getBlockByNumber", by_number(number)).await?;
    let header = header.ok_or(Setback::Missing)?;
    let block = BlockId { hash: header.block.hash, number: header.block.number };
    if block.number != number {
        return Err(Setback::Failed(format!("it answers with block {block}")));
    }
    let isthmus = rollup.isthmus_active(header.block.timestamp);

    let proof = client.proof(L2_TO_L1_MESSAGE_PASSER, AtBlock::hash_canonical(block.hash));
    let mut transactions = FirstTransactions::default();
    let (proof, first) = join(proof, transactions.of(client, std::slice::from_ref(&block.hash))).await;
    let proof = match proof {
        // Clients forget old states. Since Isthmus the header is enough.
        Err(CallError::Rpc { .. }) if isthmus => None,
        Err(error @ CallError::Rpc { .. }) if !error.is_method_missing() => {
            return Err(Setback::Unsettled(error.to_string()));
        }
        proof => Some(account(proof?)),
    };
    let first = first?.pop().flatten();
    let storage = header
        .withdrawal_storage_root(isthmus, proof.as_ref())
        .map_err(|error| Setback::Failed(format!("block {block}: {error}")))?;
    let block_ref = l2_block_ref(&header.block, first.as_ref(), rollup).map_err(|error| match error {
        // Clients forget blocks that a reorg has just replaced.
        L1InfoError::NoTransaction { .. } => Setback::Unsettled(error.to_string()),
        _ => Setback::Failed(error.to_string()),
    })?;

    let expected = [status.safe_l2.id(), status.finalized_l2.id(), block];
    let calls = expected.map(|block| ("eth_getBlockByNumber", by_number(block.number)));
    for (answer, expected) in client.batch(calls.into()).await?.into_iter().zip(expected) {
        let found: Option<L2Header> = decode(&answer?)?;
        let found = found.map(|header| BlockId { hash: header.hash, number: header.number });
        if found != Some(expected) {
            return Err(Setback::elsewhere(found, expected));
        }
    }
    let output = Output::new(block_ref, header.state_root, storage, *status);
    Ok((output, number <= status.finalized_l2.number))
}

fn account(proof: EIP1186AccountProofResponse) -> AccountProof {
    let EIP1186AccountProofResponse { address, balance, code_hash, nonce, storage_hash, account_proof, .. } = proof;
    AccountProof { address, nonce: U64::from(nonce), balance, storage_hash, code_hash, account_proof }
}

fn by_number(number: u64) -> Value {
    json!([format!("{number:#x}"), false])
}
