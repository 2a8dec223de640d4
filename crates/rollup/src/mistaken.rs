//! Files that are taken for a rollup configuration and are something else.

/// What a file is that has all of these keys, and what is wanted instead.
const OTHERS: [(&[&str], &str); 11] = [
    (&["jsonrpc", "result"], "this is a whole JSON-RPC reply: keep only what stands in result (jq .result)"),
    (&["jsonrpc", "error"], "this is a JSON-RPC error in the place of a configuration"),
    (&["alloc", "config"], "this is a genesis (genesis.json); the file of the rollup is beside it, mostly rollup.json"),
    (&["opChainDeployments"], OP_DEPLOYER),
    (&["appliedIntent"], OP_DEPLOYER),
    (&["l2BlockTime"], "this is a deploy config; op-deployer inspect rollup CHAIN_ID writes the file of the rollup"),
    (&["chainId", "homesteadBlock"], "this is the configuration of an execution client; rollup.json is wanted"),
    (&["head_l1", "unsafe_l2"], "this is a sync status; what optimism_rollupConfig answers is wanted"),
    (&["OptimismPortalProxy"], "this is a list of contracts; rollup.json is wanted"),
    (&["superchain_config_addr"], "this is of all chains of a superchain; the file of a chain beside it is wanted"),
    (
        &["configType", "chains"],
        "this is an intent of op-deployer; op-deployer inspect rollup CHAIN_ID writes the file",
    ),
];

const OP_DEPLOYER: &str =
    "this is the state of op-deployer; op-deployer inspect rollup CHAIN_ID writes the file of the rollup";

/// What the file with these keys is, if that is known.
pub(crate) fn what_else(has: impl Fn(&str) -> bool) -> Option<&'static str> {
    let (_, told) = OTHERS.into_iter().find(|(keys, _)| keys.iter().all(|key| has(key)))?;
    Some(told)
}
