//! Whether an endpoint serves the L1 of our rollup.

use futures::future::join;
use rollup::BlockId;
use status::Health;
use upstream::Client;

use crate::{
    blocks::{Ask, Blocks},
    fault::Fault,
};

/// Whether an endpoint could be followed: else the state it would be in, and why.
pub async fn probe(client: &Client, chain_id: u64, genesis: BlockId, trust_rpc: bool) -> Result<(), (Health, String)> {
    let blocks = Blocks { client: client.clone(), trust_rpc };
    verify(&blocks, chain_id, genesis).await.map_err(|fault| (fault.health(), fault.to_string()))
}

/// Checks the chain id and the block the rollup began with, as op-node's `ValidateL1Config`. Both are asked for side by
/// side.
pub(crate) async fn verify(blocks: &Blocks, chain_id: u64, genesis: BlockId) -> Result<(), Fault> {
    let (id, found) = join(blocks.client.chain_id(), blocks.one(Ask::Number(genesis.number))).await;
    let id = id?;
    if id != chain_id {
        return Err(wrong("chain id", chain_id, id));
    }
    let found = found?.ok_or(Fault::NoGenesis(genesis.number))?;
    if found.hash != genesis.hash {
        return Err(wrong(&format!("hash of block {}", genesis.number), genesis.hash, found.hash));
    }
    Ok(())
}

fn wrong(what: &str, expected: impl ToString, found: impl ToString) -> Fault {
    Fault::WrongChain { what: what.to_owned(), expected: expected.to_string(), found: found.to_string() }
}
