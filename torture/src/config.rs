//! How the server under test is set up.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use l2_ingest::CurrentL1;
use op_status::{Config, L1Config, L2Config, MetricsConfig, RollupNode, ServerConfig};
use rollup::RollupConfig;
use status::{Clock, Limits};
use upstream::{Endpoint, Options, tls_config};

use crate::rig::Rig;

/// How old what is served may be.
pub(crate) fn limits(rig: &Rig) -> Limits {
    Limits {
        max_hold: Duration::from_secs(rig.shape.max_hold),
        max_head_age: Some(Duration::from_secs(rig.shape.max_head_age)),
        ..Limits::default()
    }
}

/// The server's own configuration, on the servers of this rig.
pub(crate) fn config(rig: &Rig, seed: u64, clock: Clock) -> Config {
    // Reading the system's roots takes longer than a run.
    static OPTIONS: LazyLock<Options> = LazyLock::new(|| Options::new(tls_config(None).expect("nobody uses TLS")));
    let over = |name: &str, node: &devnet::Node| Endpoint::over(name, node.transport(), OPTIONS.clone());
    let last_l1 = rig.l1.len() - 1;
    let l1 = |(index, endpoint): (usize, &crate::endpoint::Endpoint)| {
        let name = format!("l1-{index}");
        if index > 0 && index == last_l1 {
            over(&name, &endpoint.node)
        } else {
            Endpoint::over_pubsub(&name, endpoint.node.connector(), OPTIONS.clone())
        }
    };
    let node = |(index, endpoint): (usize, &crate::endpoint::Endpoint)| RollupNode {
        endpoint: over(&format!("node-{index}"), &endpoint.node),
        current_l1: match rig.shape.origin && index == 0 {
            // What it is shows in what it serves.
            true if rig.shape.auto => CurrentL1::Auto,
            true => CurrentL1::Origin,
            false => CurrentL1::Node,
        },
        follower: !rig.shape.derives(index),
    };
    let rollup = rig.world.read(|chains| chains.rollup_config().to_string());
    Config {
        rollup: Arc::new(RollupConfig::from_json(&rollup).expect("devnet writes what op-node reads")),
        l1: L1Config {
            endpoints: rig.l1.iter().enumerate().map(l1).collect(),
            trust_rpc: false,
            http_poll_interval: None,
            epoch_poll_interval: None,
            stall_timeout: rig.shape.params.l1_slots(3),
            absent_after: Duration::from_secs(30),
            confs: rig.shape.confs,
        },
        l2: L2Config {
            execution_client: rig.shape.client.then(|| over("client", &rig.client.node)),
            poll_interval: None,
            nodes: rig.nodes.iter().enumerate().map(node).collect(),
            node_poll_interval: Duration::from_secs(2),
            sequencers: Vec::new(),
        },
        safe_db: None,
        backfill: None,
        limits: limits(rig),
        server: ServerConfig {
            addr: ([127, 0, 0, 1], 0).into(),
            max_connections: 1,
            max_connections_per_address: None,
            max_websockets: 8,
            idle_timeout: Duration::from_secs(620),
            max_batch: 1,
        },
        metrics: MetricsConfig::default(),
        clock,
        seed,
    }
}
