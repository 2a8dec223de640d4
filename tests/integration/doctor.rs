//! `op-status doctor` on real nodes: what a fit one is like is not only our idea of it.

use std::io::Write;

use op_status::{
    Config,
    args::{Command, parse},
    doctor::{Verdict, examine},
};
use tests::Optimism;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_nodes_are_fit() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    chains.advance(12).await?;
    let mut rollup = tempfile::NamedTempFile::new()?;
    rollup.write_all(chains.l2.json.as_bytes())?;
    let path = rollup.path().to_str().ok_or_else(|| eyre::eyre!("a path"))?;
    let (ws, http, l2) = (chains.l1.ws_url(), chains.l1.http_url(), chains.l2.node.http_url());
    let l1 = format!("ws={ws},http={http}");
    let parsed = parse(["op-status", "run", "--rollup.config", path, "--l1", &l1, "--l2", &l2])?;
    let Command::Run(args) = parsed.cli.command else { eyre::bail!("this is run") };
    let config = Config::from_args(&args).await?;
    // Blocks come while it listens for heads.
    let mining = async {
        loop {
            chains.advance(1).await?;
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    };
    let findings = tokio::select! {
        findings = examine(&config) => findings,
        failed = mining => return failed,
    };
    let of = |endpoint: &str| -> Vec<_> {
        let its = findings.iter().filter(|it| it.endpoint == endpoint);
        its.map(|it| (it.check, it.verdict)).filter(|(check, _)| *check != "clock").collect()
    };
    let ok = |checks: &[&'static str]| checks.iter().map(|check| (*check, Verdict::Ok)).collect::<Vec<_>>();
    let ws = ["reachable", "chain", "blocks", "labels", "newHeads", "lag", "rate limit", "origins", "finality"];
    assert_eq!(of("ws"), ok(&ws), "{findings:#?}");
    let http = ["reachable", "batch", "chain", "blocks", "labels", "newHeads", "rate limit", "origins", "finality"];
    assert_eq!(of("http"), ok(&http), "{findings:#?}");
    let mut client =
        ok(&["reachable", "batch", "chain", "blocks", "pace", "labels", "newHeads", "proofs", "rate limit"]);
    client.push(("profile", Verdict::Warn));
    assert_eq!(of(&l2), client, "{findings:#?}");
    Ok(())
}
