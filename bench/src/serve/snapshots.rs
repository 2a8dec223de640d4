//! The server of op-status alone, with snapshots that come when they are wanted.

use std::{future::pending, io::stdin, sync::Arc, thread, time::Duration};

use rollup::SyncStatus;
use rpc::{Config, Limits, Served, Server};
use serde_json::value::RawValue;
use status::{Confirmed, InstanceId, Snapshot};
use tokio::{sync::watch, time::Instant};

use crate::serve::start::{announce, any, result};

pub(crate) async fn serve(answer: &str) -> eyre::Result<()> {
    let (publish, snapshots) = watch::channel(Arc::new(snapshot(result(answer)?)?));
    let limits = Limits { max_websockets: 10_000, ..Limits::default() };
    let config = Config { addr: any(), limits, ..Config::default() };
    let ages = status::Limits { max_head_age: Some(Duration::ZERO), ..status::Limits::default() };
    let server = Server::start(config, Served { limits: ages, ..Served::new(snapshots) }).await?;
    announce(server.local_addr())?;
    thread::spawn(move || -> eyre::Result<()> {
        for line in stdin().lines() {
            line?;
            let mut next = Snapshot::clone(&publish.borrow());
            next.status.head_l1.number += 1;
            next.id.sequence += 1;
            next.json = RawValue::from_string(next.status.to_json())?.into();
            publish.send_replace(Arc::new(next));
        }
        Ok(())
    });
    server.serve_until(pending()).await;
    Ok(())
}

fn snapshot(status: SyncStatus) -> eyre::Result<Snapshot> {
    let now = Some(Instant::now());
    let mut snapshot = Snapshot::unset(InstanceId(1));
    snapshot.status = status;
    snapshot.json = RawValue::from_string(status.to_json())?.into();
    snapshot.id.sequence = 1;
    snapshot.confirmed = Confirmed { head_l1: now, labels_l1: now, derived: now, tip: now };
    Ok(snapshot)
}
