//! A sequencer that is asked whether it is active.

use upstream::Endpoint;

use super::exam::{Finding, examine as exam};
use crate::Config;

const FLAG: &str = "--sequencer";

pub(super) async fn examine(config: &Config, endpoint: &Endpoint) -> Vec<Finding> {
    exam(endpoint, FLAG, config.clock, async |exam| {
        let client = exam.reach("optimism_version").await?;
        let probed = l2_ingest::probe_rollup_node(&config.rollup, &client).await;
        exam.chain(probed.map(|()| None), "our rollup")?;
        match client.call::<bool>("admin_sequencerActive", ()).await {
            Ok(active) => exam.ok("active", if active { "it is active" } else { "it is not active now" }),
            Err(error) if error.is_method_missing() => {
                exam.fail("active", format!("start it with --rpc.enable-admin: {error}"), FLAG);
            }
            Err(error) => exam.fail("active", error.to_string(), FLAG),
        }
        Some(())
    })
    .await
}
