//! Whether an endpoint serves the L1 of our rollup.

use futures::future::join;
use rollup::BlockId;

use crate::{
    blocks::{Ask, Blocks, refuses},
    fault::Fault,
};

/// Checks the chain id and the block the rollup began with, as op-node's `ValidateL1Config`. Both are asked for side by
/// side.
///
/// A node whose head is above that block may have it no longer: history expires, and snapshots begin later. Then the
/// answer says that it could not be checked.
pub(crate) async fn verify(blocks: &Blocks, chain_id: u64, genesis: BlockId) -> Result<Option<String>, Fault> {
    let (id, found) = join(blocks.client.chain_id(), blocks.one(Ask::Number(genesis.number))).await;
    let id = id?;
    if id != chain_id {
        return Err(wrong("chain id", chain_id, id));
    }
    let refusal = match found {
        Ok(None) => None,
        Err(Fault::Call(error)) if refuses(&error) => Some(error),
        found => {
            let found = found?.map(|block| block.hash);
            return match found {
                Some(hash) if hash != genesis.hash => {
                    Err(wrong(&format!("hash of block {}", genesis.number), genesis.hash, hash))
                }
                _ => Ok(None),
            };
        }
    };
    let head = blocks.head(false).await?.latest.ok_or(Fault::NoHead)?;
    if head.number < genesis.number {
        return Err(Fault::NoGenesis(genesis.number));
    }
    let why = refusal.map_or_else(String::new, |error| format!(" ({error})"));
    Ok(Some(format!(
        "it no longer has block {}, the L1 genesis of the rollup, so that only its chain id could be checked{why}",
        genesis.number
    )))
}

fn wrong(what: &str, expected: impl ToString, found: impl ToString) -> Fault {
    Fault::WrongChain { what: what.to_owned(), expected: expected.to_string(), found: found.to_string() }
}
