//! What following an endpoint would begin with, for whoever wants to know whether it could be followed.

use rollup::{BlockId, L1BlockRef};
use status::Health;
use upstream::Client;

use crate::{blocks::Blocks, fault::Fault, tracker::Tracker, verify::verify};

/// What a first look at an endpoint brought.
#[derive(Clone, Debug)]
pub struct Look {
    /// Its head.
    pub head: L1BlockRef,
    /// Its safe block; zero if it names none.
    pub safe: L1BlockRef,
    /// Its finalized block; zero if it names none.
    pub finalized: L1BlockRef,
    /// Why it does not tell them, if it was said.
    pub refused: Option<String>,
    /// How many blocks were read, each verified by its hash.
    pub blocks: usize,
}

/// Whether an endpoint serves our chain: else the state it would be in, and why. If it does, what could not be checked.
pub async fn probe(
    client: &Client,
    chain_id: u64,
    genesis: BlockId,
    trust_rpc: bool,
) -> Result<Option<String>, (Health, String)> {
    verify(&blocks(client, trust_rpc), chain_id, genesis).await.map_err(|fault| (fault.health(), fault.to_string()))
}

/// Looks at an endpoint as its follower does first: at its head and labels, and at the chain down to what is final.
///
/// # Errors
/// Why it could not be followed, in the words in which that would be said.
pub async fn look(client: &Client, trust_rpc: bool) -> Result<Look, String> {
    let mut tracker = Tracker::new();
    let seen = tracker.look(&blocks(client, trust_rpc), true).await.map_err(|fault| fault.to_string())?;
    let chain = tracker.chain().ok_or_else(|| Fault::NoHead.to_string())?;
    let (safe, finalized) = tracker.labels();
    let refused = seen.refused.map(|error| error.to_string());
    Ok(Look { head: chain.head(), safe, finalized, refused, blocks: chain.len() })
}

fn blocks(client: &Client, trust_rpc: bool) -> Blocks {
    Blocks { client: client.clone(), trust_rpc }
}
