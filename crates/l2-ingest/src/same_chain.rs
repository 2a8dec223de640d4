//! Whether an execution client serves the chain of our rollup.

use std::sync::Arc;

use futures::future::join;
use rollup::{BlockId, L2BlockRef, L2Header, RollupConfig, l2_block_ref};
use serde_json::json;
use status::Health;
use upstream::{CallError, Client};

use crate::{fault::Fault, refs::Refs};

/// Whether an execution client could be followed: else the state it would be in, and why. If it could, what could not be
/// checked.
pub async fn probe_execution_client(
    rollup: &RollupConfig,
    client: &Client,
) -> Result<Option<String>, (Health, String)> {
    let verified = verify(rollup, client).await;
    verified.map(|verified| verified.err()).map_err(|fault| (fault.health(), fault.to_string()))
}

/// Reads what is read of the newest blocks: the refs of latest, safe and finalized, each from its first transaction.
///
/// # Errors
/// A sentence that names the method or the block, as it would be said of the source.
pub async fn probe_labels(rollup: &Arc<RollupConfig>, client: &Client) -> Result<[Option<L2BlockRef>; 3], String> {
    let labels = Refs::new(rollup.clone(), client.clone()).labels().await.map_err(|fault| fault.to_string())?;
    Ok([Some(labels.latest), labels.safe, labels.finalized])
}

/// Checks chain id and genesis; the answer is the genesis block.
///
/// A client whose head is above that block may have it no longer: history expires, and snapshots begin later. Then the
/// answer says that it could not be checked.
pub(crate) async fn verify(rollup: &RollupConfig, client: &Client) -> Result<Result<L2BlockRef, String>, Fault> {
    let genesis = &rollup.genesis.l2;
    // As it comes: the headers of L2s have fields of their own, and may lack some of Ethereum's.
    let header = client.call("eth_getBlockByNumber", json!([format!("{:#x}", genesis.number), false]));
    let (chain_id, header) = join(client.chain_id(), header).await;
    let chain_id = chain_id?;
    if chain_id != rollup.l2_chain_id {
        let (expected, found) = (rollup.l2_chain_id.to_string(), chain_id.to_string());
        return Err(Fault::WrongChain { what: "chain id", expected, found });
    }
    let why = match header {
        Err(error @ CallError::Rpc { .. }) if !error.is_limit() => format!(" ({error})"),
        header => {
            let header: Option<L2Header> = header?;
            if let Some(header) = header {
                let found = BlockId { hash: header.hash, number: header.number };
                if found != *genesis {
                    let (expected, found) = (genesis.to_string(), found.to_string());
                    return Err(Fault::WrongChain { what: "genesis", expected, found });
                }
                return Ok(Ok(l2_block_ref(&header, None, rollup)?));
            }
            String::new()
        }
    };
    let head: Option<L2Header> = client.call("eth_getBlockByNumber", json!(["latest", false])).await?;
    if head.is_none_or(|head| head.number < genesis.number) {
        return Err(Fault::Missing(format!("genesis block {}", genesis.number)));
    }
    Ok(Err(format!(
        "it no longer has block {}, the genesis of the rollup, so that only its chain id could be checked{why}",
        genesis.number
    )))
}
