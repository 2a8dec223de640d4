//! What `optimism_outputAtBlock` answers: the output of a block of the chain that the status beside it tells of, or an
//! error that is no guess.

use alloy_primitives::{B256, keccak256};
use eyre::{OptionExt, Result, ensure};
use rollup::Output;

use super::{Published, truth::Truth};
use crate::rig::Rig;

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Which block.
    pub number: u64,
    /// What was served when it was asked.
    pub sequence: u64,
    /// Whether everything was well then.
    pub well: bool,
}

/// An error: "not found" is said of what is not due yet alone, by the clock of the server.
pub fn refused(asked: &Asked, error: &str, unix: u64, rig: &Rig) -> Result<()> {
    let due = rig.shape.params.l2_due(asked.number).as_secs();
    ensure!(due > unix || !error.contains("not found"), "output {} is due since {due}: {error}", asked.number);
    Ok(())
}

/// The output of the block asked for by the formula, and a status that was served meanwhile.
pub fn served<'a>(asked: &Asked, output: &Output, mut published: impl Iterator<Item = &'a Published>) -> Result<()> {
    let Output { version, output_root, block_ref, withdrawal_storage_root, state_root, sync_status } = output;
    ensure!(block_ref.number == asked.number, "block {} is told of {}", block_ref.number, asked.number);
    let root = keccak256([B256::ZERO, *state_root, *withdrawal_storage_root, block_ref.hash].concat());
    ensure!(version.is_zero() && *output_root == root, "the root of output {} does not follow", asked.number);
    ensure!(published.any(|it| it.status == *sync_status), "a status is told that was not served: {sync_status:?}");
    Ok(())
}

/// The parts are those of the block, and the block is on the chain of the status.
pub fn is_true(output: &Output, truth: &Truth<'_>) -> Result<()> {
    let (block, status) = (output.block_ref, output.sync_status);
    let expected = truth.output(block.hash, status).ok_or_eyre("a block that never was")?;
    ensure!(*output == expected, "{output:?} is told, {expected:?} is true");
    let safe = status.safe_l2;
    // Above it the status may be older than the block.
    let on_chain = match block.number <= safe.number {
        true => truth.ancestor_l2(safe, block.number) == Some(block),
        false => truth.ancestor_l2(block, safe.number) == Some(safe),
    };
    ensure!(on_chain, "block {} is not of the chain of safe_l2 {}", block.id(), safe.id());
    Ok(())
}
