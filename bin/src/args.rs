//! What was typed: flags, their environment names and defaults. op-node's where op-node has the flag.

mod cli;
mod client;
mod decode;
mod dev;
mod environment;
mod error;
mod file;
mod lag;
mod parse;
mod run;
mod serve;
mod upstreams;
mod values;

pub use cli::{Cli, Command};
pub use client::{CheckArgs, GetArgs, NodeArgs, WatchArgs};
pub use decode::{DecodeArgs, Form};
pub use dev::{DevArgs, WorldArgs};
pub use error::ParseError;
pub use file::{Fault, FileError};
pub use lag::{Distance, Lag};
pub use parse::{Flags, Origin, Parsed, Setting, parse};
pub use run::{DoctorArgs, RunArgs};
pub use serve::{FileArgs, Format, Level, LogArgs, MetricsArgs, RpcArgs, ServeArgs, StatusArgs};
pub use upstreams::{BackfillFrom, L1Args, L2Args, RollupArgs, RollupSource, SafeDbArgs, UpstreamArgs};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{CommandFactory, Parser};

    use super::*;

    /// op-node's `flags_test.go`: each environment name once for what it means, with the program's prefix.
    #[test]
    fn every_flag_has_an_environment_name() {
        // What is asked for by hand needs none, and so does --json.
        let by_hand = ["completions", "decode", "man"];
        for command in Cli::command().get_subcommands().filter(|command| !by_hand.contains(&command.get_name())) {
            let mut names = BTreeSet::new();
            for arg in
                command.get_arguments().filter(|arg| !["help", "version", "json"].contains(&arg.get_id().as_str()))
            {
                let flag = arg.get_long().expect("a long name");
                let env = arg.get_env().and_then(|env| env.to_str()).unwrap_or_else(|| panic!("--{flag} has none"));
                assert!(env.starts_with("OP_STATUS_"), "--{flag}: {env}");
                assert!(names.insert(env.to_owned()), "{env} stands for two flags");
                let by_rule = format!("OP_STATUS_{}", flag.to_uppercase().replace(['.', '-'], "_"));
                // op-node's own exceptions, so that its environment needs another prefix only.
                let as_op_node = [
                    "OP_STATUS_L1_ETH_RPC",
                    "OP_STATUS_L1_TRUST_RPC",
                    "OP_STATUS_L2_ENGINE_RPC",
                    "OP_STATUS_L2_ENGINE_AUTH",
                ];
                assert!(env == by_rule || as_op_node.contains(&env), "--{flag}: {env}");
            }
        }
    }

    #[test]
    fn flags_are_checked() {
        Cli::command().debug_assert();
        #[track_caller]
        fn check(flags: &[&str], expected: Option<&str>) {
            let base = ["op-status", "run", "--network", "op-mainnet", "--l1", "ws://l1", "--l2", "http://l2"];
            let parsed = Cli::try_parse_from(base.iter().chain(flags));
            let error = parsed.err().map(|error| error.to_string());
            match (error, expected) {
                (None, None) => {}
                (Some(error), Some(part)) => assert!(error.contains(part), "{error}"),
                (error, _) => panic!("{flags:?}: {error:?}"),
            }
        }
        check(&[], None);
        check(&["--l1", "http://other"], None);
        check(&["--l1.stall-timeout", "6m24s", "--status.max-head-age", "0s"], None);
        check(&["--l1.stall-timeout", "0s"], Some("must be longer than zero"));
        check(&["--l1.stall-timeout", "12"], Some("write 12s, 500ms or 6m24s"));
        check(&["--l1.rpc-rate-limit=-1"], Some("must be 0 or more"));
        check(&["--verifier.l1-confs", "513"], Some("513 is not in"));
        check(&["--rollup.config", "x.json"], Some("cannot be used with"));
        check(&["--rpc.port", "65536"], Some("--rpc.port"));
    }
}
