//! Queries that others and we put to these metrics: each must select something.

use std::collections::BTreeSet;

use crate::fixture::Fixture;

/// What dashboards, scripts and guides for op-node select, and where that was read in 2026. Left out is what is said of
/// derivation, sequencing and p2p, which op-status does not do.
const OP_NODE_SELECTORS: [(&str, &str); 18] = [
    // "op-reth Benchmark", a Cloud Monitoring dashboard made by Terraform: L2 tip, chain growth, time to go.
    (r#"op_node_default_refs_number{layer="l2",type="l2_unsafe"}"#, "op-reth Benchmark dashboard"),
    // op-node pods: `type=~"l1_head|l1_derived|l2_unsafe|l2_safe|l2_finalized|received_payload"`, without the last.
    (r#"op_node_default_refs_number{type="l1_head"}"#, "PromQL recipes for op-stack pods"),
    (r#"op_node_default_refs_number{type="l1_derived"}"#, "PromQL recipes for op-stack pods"),
    (r#"op_node_default_refs_number{type="l2_unsafe"}"#, "PromQL recipes for op-stack pods"),
    (r#"op_node_default_refs_number{type="l2_safe"}"#, "PromQL recipes for op-stack pods"),
    (r#"op_node_default_refs_number{type="l2_finalized"}"#, "PromQL recipes for op-stack pods"),
    // The list in Optimism's documentation for node operators, by family.
    ("op_node_default_info", "docs.optimism.io, node metrics"),
    ("op_node_default_up", "docs.optimism.io, node metrics"),
    ("op_node_default_rpc_server_requests_total", "docs.optimism.io, node metrics"),
    ("op_node_default_rpc_server_request_duration_seconds_bucket", "docs.optimism.io, node metrics"),
    ("op_node_default_rpc_client_requests_total", "docs.optimism.io, node metrics"),
    ("op_node_default_rpc_client_request_duration_seconds_bucket", "docs.optimism.io, node metrics"),
    (r#"op_node_default_rpc_client_responses_total{error="<nil>"}"#, "docs.optimism.io, node metrics"),
    (r#"op_node_default_refs_time{layer="l2"}"#, "docs.optimism.io, node metrics"),
    (r#"op_node_default_refs_hash{layer="l2"}"#, "docs.optimism.io, node metrics"),
    (r#"op_node_default_refs_seqnr{type="l2_unsafe"}"#, "docs.optimism.io, node metrics"),
    (r#"op_node_default_refs_latency{layer="l2",type="l2_unsafe"}"#, "docs.optimism.io, node metrics"),
    ("op_node_default_l1_reorg_depth_bucket", "docs.optimism.io, node metrics"),
];

/// Whether a sample, `name{a="1",b="2"}`, is selected by `name{b="2"}`.
fn selects(selector: &str, sample: &str) -> bool {
    let split = |text: &str| {
        let (name, labels) = text.split_once('{').unwrap_or((text, "}"));
        let labels: BTreeSet<_> =
            labels.trim_end_matches('}').split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        (name.to_owned(), labels)
    };
    let ((wanted, labels), (name, all)) = (split(selector), split(sample));
    wanted == name && labels.is_subset(&all)
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_of_op_node_is_answered() {
    let fixture = Fixture::settled().await;
    let samples = fixture.samples();
    for (selector, source) in OP_NODE_SELECTORS {
        assert!(samples.keys().any(|sample| selects(selector, sample)), "nothing for {selector} ({source})");
    }
}
