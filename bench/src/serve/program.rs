//! op-status, as its own parser understands the flags.

use std::future::pending;

use clap::Parser;
use op_status::{
    Config, OpStatus,
    args::{Cli, Command},
    init_log,
};

use crate::serve::start::announce;

pub(crate) async fn serve(flags: Vec<String>) -> eyre::Result<()> {
    let cli = Cli::parse_from(["op-status".to_owned(), "run".to_owned()].into_iter().chain(flags));
    let Command::Run(args) = cli.command else { eyre::bail!("not `run`") };
    init_log(&args.serve.log);
    let server = OpStatus::start(Config::from_args(&args).await?.with_safe_db(&args)?).await?;
    announce(server.local_addr())?;
    server.run_until(pending()).await
}
