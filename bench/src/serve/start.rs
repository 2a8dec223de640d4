//! What every server does when it starts.

use std::{
    io::{Write, stdout},
    net::SocketAddr,
};

use rollup::SyncStatus;
use serde::Deserialize;

/// Tells the parent where this listens.
pub(super) fn announce(addr: SocketAddr) -> eyre::Result<()> {
    let mut stdout = stdout();
    writeln!(stdout, "{addr}")?;
    Ok(stdout.flush()?)
}

/// A port of the kernel's choice.
pub(super) fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// The status in an answer to `optimism_syncStatus`.
pub(super) fn result(answer: &str) -> eyre::Result<SyncStatus> {
    #[derive(Deserialize)]
    struct Answer {
        result: SyncStatus,
    }
    Ok(serde_json::from_str::<Answer>(answer)?.result)
}
