//! Queries that others and we put to these metrics: each must select something.

use std::{collections::BTreeSet, fs, path::Path};

use metrics::{FAMILIES, Kind};

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
/// Names of ours and op-node's in a file of the folder `deploy`.
fn names(file: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.filter(|word| word.starts_with("op_status_") || word.starts_with("op_node_default_"));
    names.map(str::to_owned).collect()
}

#[test]
fn every_metric_of_our_dashboard_and_alarms_exists() {
    let mut known: BTreeSet<String> = FAMILIES.iter().map(|family| family.sample()).collect();
    for family in FAMILIES.iter().filter(|family| family.kind == Kind::Histogram) {
        known.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{}{suffix}", family.name)));
    }
    for file in ["grafana/op-status.json", "prometheus/alerts.yml", "prometheus/alerts.test.yml"] {
        let names = names(file);
        assert!(!names.is_empty(), "{file} asks for nothing");
        let unknown: Vec<_> = names.difference(&known).collect();
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}");
    }
}

/// `runbook_url` of every alarm leads to its section, and every section belongs to an alarm.
#[test]
fn every_alarm_has_its_section_in_the_runbook() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let (alerts, runbook) = (read("deploy/prometheus/alerts.yml"), read("docs/runbook.md"));
    let after = |text: &str, mark: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.trim_start().strip_prefix(mark)).map(str::to_owned).collect()
    };
    let alarms = after(&alerts, "- alert: ");
    assert!(!alarms.is_empty());
    assert_eq!(after(&runbook, "## "), alarms, "the runbook's sections, in the order of the alarms");
    let urls: Vec<_> = alarms.iter().map(|alarm| format!("docs/runbook.md#{}", alarm.to_lowercase())).collect();
    assert_eq!(after(&alerts, "runbook_url: "), urls);
}
