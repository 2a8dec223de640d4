//! Answers to JSON-RPC requests: a pure function of the chains, the role and the lies.

use std::sync::Arc;

use alloy_primitives::{Address, B256, U64};
use rollup::SyncStatus;
use serde_json::{Value, json};

use crate::{
    Chains, Label, Lies,
    block::Block,
    chain::Chain,
    json,
    response::{Answer, RpcError},
    super_root,
};

/// Which kind of node answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An L1 execution client.
    L1,
    /// The rollup's execution client.
    ExecutionClient,
    /// The rollup node.
    RollupNode,
}

/// What a node in this role says to one request. An absent block is `null`; an unknown method is geth's error.
pub fn answer(chains: &Chains, role: Role, lies: &Lies, method: &str, params: &Value) -> Answer {
    let chain_id = match role {
        Role::L1 => chains.params.l1_chain_id,
        Role::ExecutionClient => chains.params.l2_chain_id,
        Role::RollupNode => return rollup_node(chains, lies, method, params),
    };
    let chain_id = lies.chain_id.unwrap_or(chain_id);
    let sight = Sight::new(chains, role, lies);
    match method {
        "eth_chainId" => Ok(json!(U64::from(chain_id))),
        "net_version" => Ok(json!(chain_id.to_string())),
        "web3_clientVersion" => Ok(json!("devnet")),
        "eth_syncing" => Ok(json!(false)),
        "eth_blockNumber" => Ok(json!(U64::from(sight.head.number()))),
        "eth_getBlockByNumber" => {
            let full = full(params)?;
            let tag = params[0].as_str().ok_or_else(|| RpcError::invalid("missing value for required argument 0"))?;
            Ok(sight.by_tag(tag)?.map_or(Value::Null, |block| sight.show(block, full)))
        }
        "eth_getBlockByHash" => {
            let full = full(params)?;
            Ok(sight.by_hash(hash(params)?).map_or(Value::Null, |block| sight.show(block, full)))
        }
        "eth_getTransactionByBlockHashAndIndex" => {
            let index = quantity(params[1].as_str().unwrap_or_default(), 1)?;
            let block = sight.by_hash(hash(params)?).filter(|_| index == 0);
            Ok(block.map_or(Value::Null, |block| json::transaction(block)))
        }
        "eth_getProof" if role == Role::ExecutionClient => sight.proof(params),
        "eth_subscribe" => Err(RpcError { code: -32601, message: "notifications not supported".to_owned() }),
        _ => Err(RpcError::unknown_method(method)),
    }
}

fn rollup_node(chains: &Chains, lies: &Lies, method: &str, params: &Value) -> Answer {
    match method {
        "optimism_outputAtBlock" => output(chains, lies, quantity(params[0].as_str().unwrap_or_default(), 0)?),
        "optimism_safeHeadAtL1Block" => safe_head(chains, lies, quantity(params[0].as_str().unwrap_or_default(), 0)?),
        "optimism_syncStatus" => Ok(json!(status(chains, lies))),
        "superroot_atTimestamp" => {
            let timestamp = quantity(params[0].as_str().unwrap_or_default(), 0)?;
            super_root::answer(chains, &status(chains, lies), !lies.no_safe_db, timestamp)
        }
        "optimism_rollupConfig" => Ok(chains.rollup_config()),
        "optimism_version" => Ok(json!("devnet")),
        _ => Err(RpcError::unknown_method(method)),
    }
}

/// op-node's answer, and its words where it has no such block.
fn output(chains: &Chains, lies: &Lies, number: u64) -> Answer {
    let status = status(chains, lies);
    let block = chains.l2.get(number).filter(|block| block.number() <= status.unsafe_l2.number);
    let block = block.ok_or_else(|| RpcError {
        code: -32000,
        message: format!(
            "failed to get L2 block ref with sync status: failed to determine L2BlockRef of height {number}, could not \
             get payload: not found"
        ),
    })?;
    Ok(json!(chains.output(block.hash, status)))
}

/// op-node's answer of a node that has recorded every safe head since genesis, with op-node's words for the others.
fn safe_head(chains: &Chains, lies: &Lies, number: u64) -> Answer {
    let failed = |why: &str| RpcError { code: -32000, message: why.to_owned() };
    if lies.no_safe_db {
        let disabled = format!("failed to get safe head at l1 block {number:#x}: safe head database not enabled");
        return Err(failed(&disabled));
    }
    let derived = Sight::new(chains, Role::L1, lies).head.number();
    let record = chains.safe_head_at(number.min(derived));
    record.map(|record| json!(record)).ok_or_else(|| failed("not found"))
}

fn status(chains: &Chains, lies: &Lies) -> SyncStatus {
    let l1 = Sight::new(chains, Role::L1, lies);
    let tip = match chains.l1.get(l1.head.number() + 1) {
        // What the sequencer had when the next L1 block came.
        Some(next) if lies.lag > 0 => chains.l2_at(next.time - 1),
        _ => None,
    };
    let tip = tip.unwrap_or(chains.l2.head());
    let label = |label: Option<&Arc<Block>>| label.map(|block| block.l1_ref()).unwrap_or_default();
    let finalized_l1 = label(l1.finalized);
    SyncStatus {
        head_l1: l1.head.l1_ref(),
        safe_l1: label(l1.safe),
        finalized_l1,
        current_l1_finalized: finalized_l1,
        ..chains.status_derived(l1.head, tip, l1.finalized)
    }
}

/// The part of a chain that a node knows.
pub(crate) struct Sight<'a> {
    chain: &'a Chain,
    pub(crate) head: &'a Arc<Block>,
    safe: Option<&'a Arc<Block>>,
    finalized: Option<&'a Arc<Block>>,
    lies: &'a Lies,
    serve_orphans: bool,
}

impl<'a> Sight<'a> {
    pub(crate) fn new(chains: &'a Chains, role: Role, lies: &'a Lies) -> Self {
        let chain = if role == Role::L1 { &chains.l1 } else { &chains.l2 };
        let head = chain.get(chain.head().number().saturating_sub(lies.lag)).unwrap_or(chain.head());
        let (safe, finalized) = match role {
            Role::L1 => chains.l1_labels_at(head.number()),
            _ => (Some(chains.safe_l2().number), Some(chains.finalized_l2().number)),
        };
        let label = |lie: Label, truth: Option<u64>| match lie {
            Label::True => chain.get(truth?.min(head.number())),
            Label::At(number) => chain.get(number),
            Label::Null | Label::NotFound => None,
        };
        Self {
            chain,
            head,
            safe: label(lies.safe, safe),
            finalized: label(lies.finalized, finalized),
            lies,
            serve_orphans: chains.params.serve_orphans,
        }
    }

    fn by_tag(&self, tag: &str) -> Result<Option<&'a Arc<Block>>, RpcError> {
        let label = |name: &str, lie: Label, block| match lie {
            Label::NotFound => Err(RpcError { code: -39001, message: format!("{name} block not found") }),
            _ => Ok(block),
        };
        match tag {
            "latest" | "pending" => Ok(Some(self.head)),
            "earliest" => Ok(self.chain.get(0)),
            "safe" => label("safe", self.lies.safe, self.safe),
            "finalized" => label("finalized", self.lies.finalized, self.finalized),
            number => {
                let number = quantity(number, 0)?;
                Ok(self.chain.get(number).filter(|_| number <= self.head.number()))
            }
        }
    }

    /// The proof of an account at a block, by tag or as EIP-1898 has it.
    fn proof(&self, params: &Value) -> Answer {
        let address: Address = serde_json::from_value(params[0].clone())
            .map_err(|error| RpcError::invalid(format!("invalid argument 0: {error}")))?;
        let missing = || RpcError { code: -32000, message: "header not found".to_owned() };
        let block = match &params[2] {
            Value::String(tag) => self.by_tag(tag)?,
            at => {
                let block = self.by_hash(hash(&json!([at["blockHash"]]))?);
                if at["requireCanonical"] == true && block.is_some_and(|block| !self.chain.is_canonical(block)) {
                    let message = "hash is not currently canonical".to_owned();
                    return Err(RpcError { code: -32000, message });
                }
                block
            }
        };
        Ok(block.ok_or_else(missing)?.state().proof(address))
    }

    /// A block this node has seen: canonical up to its head, or an orphan.
    pub(crate) fn by_hash(&self, hash: B256) -> Option<&'a Arc<Block>> {
        let block = self.chain.by_hash(hash)?;
        let seen =
            if self.chain.is_canonical(block) { block.number() <= self.head.number() } else { self.serve_orphans };
        seen.then_some(block)
    }

    pub(crate) fn show(&self, block: &Block, full: bool) -> Value {
        let mut shown = json::block(block, full);
        if self.lies.wrong_hash {
            shown["hash"] = json!(!block.hash);
        }
        shown
    }

    /// The blocks to announce to a subscriber who knows `last`: from the newest common ancestor up to the head. None
    /// when the head is an ancestor of `last`: clients announce blocks, not rollbacks.
    pub(crate) fn since(&self, last: B256) -> Vec<&'a Arc<Block>> {
        let Some(mut known) = self.chain.by_hash(last) else { return vec![self.head] };
        let mut next = self.head;
        let mut blocks = Vec::new();
        while next.hash != known.hash {
            if next.number() >= known.number() {
                blocks.push(next);
                let Some(parent) = self.chain.by_hash(next.header.parent_hash) else { break };
                next = parent;
            } else {
                let Some(parent) = self.chain.by_hash(known.header.parent_hash) else { break };
                known = parent;
            }
        }
        blocks.reverse();
        blocks
    }
}

fn full(params: &Value) -> Result<bool, RpcError> {
    params[1].as_bool().ok_or_else(|| RpcError::invalid("missing value for required argument 1"))
}

fn hash(params: &Value) -> Result<B256, RpcError> {
    let text = params[0].as_str().ok_or_else(|| RpcError::invalid("missing value for required argument 0"))?;
    text.parse().map_err(|error| RpcError::invalid(format!("invalid argument 0: {error}")))
}

fn quantity(text: &str, argument: usize) -> Result<u64, RpcError> {
    let digits = text.strip_prefix("0x").ok_or("hex string without 0x prefix".to_owned());
    digits
        .and_then(|digits| u64::from_str_radix(digits, 16).map_err(|error| error.to_string()))
        .map_err(|error| RpcError::invalid(format!("invalid argument {argument}: {error}")))
}
