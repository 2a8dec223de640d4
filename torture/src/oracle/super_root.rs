//! What `superroot_atTimestamp` answers: the super root of a time as one snapshot has it, or an error. Absence is a claim.

use std::collections::BTreeMap;

use alloy_primitives::{B256, U256, keccak256};
use eyre::{OptionExt, Result, ensure};
use rollup::{BlockId, L2BlockRef, SyncStatus};
use serde::Deserialize;
use serde_json::Value;

use super::{Published, output::Asked, truth::Truth};
use crate::rig::Rig;

/// The answer, as a client reads it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    current_l1: BlockId,
    safe_timestamp: u64,
    local_safe_timestamp: u64,
    finalized_timestamp: u64,
    optimistic_at_timestamp: BTreeMap<String, Optimistic>,
    chain_ids: Vec<String>,
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Optimistic {
    output: Parts,
    output_root: B256,
    required_l1: BlockId,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Parts {
    state_root: B256,
    message_passer_storage_root: B256,
    block_hash: B256,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    verified_required_l1: BlockId,
    #[serde(rename = "super")]
    parts: Super,
    super_root: B256,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Super {
    timestamp: String,
    chains: Vec<Chain>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Chain {
    #[serde(rename = "ChainID")]
    chain_id: String,
    output: B256,
}

/// What is asked for of a block of this number.
pub fn time(number: u64, rig: &Rig) -> u64 {
    rig.shape.params.l2_due(number).as_secs()
}

/// Judges an answer to a question about `asked.number`. Where `lied` is set somebody told lies that nobody could know for
/// such: then only the form is judged.
pub fn answered<'a>(
    asked: &Asked,
    answer: &Value,
    published: impl Iterator<Item = &'a Published>,
    lied: bool,
    rig: &Rig,
) -> Result<()> {
    ensure!(answer.get("data").is_none_or(Value::is_object), "data is null");
    let told: Told = serde_json::from_value(answer.clone())?;
    let chain = rig.shape.params.l2_chain_id;
    ensure!(told.chain_ids == [chain.to_string()], "it is of {:?}", told.chain_ids);
    let of = |status: &SyncStatus| {
        let times = (status.safe_l2.timestamp, status.local_safe_l2.timestamp, status.finalized_l2.timestamp);
        (status.current_l1.id(), times)
    };
    let times = (told.safe_timestamp, told.local_safe_timestamp, told.finalized_timestamp);
    let statuses = published.map(|it| it.status).filter(|status| of(status) == (told.current_l1, times));
    let status = statuses.last().ok_or_eyre("it is of no status that was served meanwhile")?;
    let truth = Truth::of(rig);
    let Some(data) = &told.data else {
        ensure!(told.optimistic_at_timestamp.is_empty(), "an optimistic output without data");
        let (number, safe) = (asked.number, status.local_safe_l2.number);
        ensure!(number > safe, "block {number} is left out, and local_safe_l2 is {safe}");
        let below = truth.l1(status.current_l1.hash).and_then(|current| truth.safe_after(current.parent_hash));
        let derived = below.map_or(0, |below| below.number);
        ensure!(lied || number > derived, "block {number} is left out, and {derived} is safe below current_l1");
        return Ok(());
    };
    let optimistic = told.optimistic_at_timestamp.get(&chain.to_string()).ok_or_eyre("data without its output")?;
    root(asked, data, optimistic, chain, rig)?;
    if lied {
        return Ok(());
    }
    let block = truth.l2(optimistic.output.block_hash).ok_or_eyre("a block that never was")?;
    ensure!(block.number == asked.number, "block {} is told of {}", block.number, asked.number);
    let Parts { state_root, message_passer_storage_root, .. } = optimistic.output;
    let parts = truth.output(block.hash, status).map(|output| (output.state_root, output.withdrawal_storage_root));
    ensure!(parts == Some((state_root, message_passer_storage_root)), "the parts are not those of {block:?}");
    let on_chain = truth.ancestor_l2(status.local_safe_l2, block.number) == Some(block);
    ensure!(on_chain, "block {} is not of the chain of local_safe_l2 {}", block.id(), status.local_safe_l2.id());
    required(&block, data.verified_required_l1, &status, &truth, rig)
}

/// The roots by the formulas, and the same output everywhere.
fn root(asked: &Asked, data: &Data, optimistic: &Optimistic, chain: u64, rig: &Rig) -> Result<()> {
    let Parts { state_root, message_passer_storage_root, block_hash } = optimistic.output;
    let output = keccak256([B256::ZERO, state_root, message_passer_storage_root, block_hash].concat());
    ensure!(output == optimistic.output_root, "the output root does not follow from its parts");
    ensure!(optimistic.required_l1 == data.verified_required_l1, "two L1 blocks are required");
    let [one] = &data.parts.chains[..] else { eyre::bail!("it is of {:?}", data.parts.chains) };
    ensure!(one.chain_id == chain.to_string() && one.output == output, "it is of another output: {one:?}");
    let time = time(asked.number, rig);
    ensure!(data.parts.timestamp == format!("{time:#x}"), "it is of {}, asked was {time:#x}", data.parts.timestamp);
    let parts = [&[1][..], &time.to_be_bytes(), &U256::from(chain).to_be_bytes::<32>(), output.as_slice()].concat();
    ensure!(keccak256(parts) == data.super_root, "the super root does not follow from its parts");
    Ok(())
}

/// The earliest L1 block on the chain of the status that derives the block.
fn required(block: &L2BlockRef, told: BlockId, status: &SyncStatus, truth: &Truth<'_>, rig: &Rig) -> Result<()> {
    if block.number == 0 {
        ensure!(told == BlockId::default(), "genesis takes L1 block {told}");
        return Ok(());
    }
    ensure!(told.number <= status.current_l1.number, "L1 block {told} is above current_l1");
    let derives = |l1: B256| truth.safe_after(l1).is_some_and(|safe| safe.number >= block.number);
    let at = truth.ancestor(status.current_l1.id(), told.number).filter(|at| at.id() == told);
    let first = at.is_some_and(|at| derives(at.hash) && !derives(at.parent_hash));
    ensure!(first || rig.has_sole_recorder(), "L2 block {} does not take L1 block {told}", block.number);
    Ok(())
}
