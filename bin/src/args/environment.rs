//! Flags as environment variables, as compose, Helm, systemd, docker and people write them.
//!
//! | written | read as |
//! | --- | --- |
//! | blank, or commas alone | not given |
//! | spaces, tabs and carriage returns around a value or a member of a list, a comma behind the last one | left out |
//! | `1`, `t`, `T`, `TRUE`, `True` and so on for a switch | as by op-node |
//! | quotes around a value: `docker --env-file` and YAML lists pass them on | refused, by name |
//! | `tcp://..` for a port: Kubernetes makes such a variable for each service of this name | not given |

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use clap::{Arg, ArgAction, Command};

use super::error::ParseError;

/// The variables of a process.
pub(super) type Environment = BTreeMap<OsString, OsString>;

/// What a variable says of one flag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    /// The value as it counts.
    pub(super) value: OsString,
    /// What would be typed for it: nothing for a switch that is off.
    pub(super) words: Vec<OsString>,
}

/// What the environment says of `command`'s flags, by their long names, but for those that need no answer.
pub(super) fn read(
    command: &Command,
    environment: &Environment,
    is_given: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Variable>, ParseError> {
    let mut variables = BTreeMap::new();
    for arg in command.get_arguments() {
        let (Some(flag), Some(name)) = (arg.get_long(), arg.get_env()) else { continue };
        let Some(value) = environment.get(name).and_then(|value| plain(arg, flag, value)) else { continue };
        if is_given(flag) {
            continue;
        }
        let name = name.to_string_lossy().into_owned();
        let words =
            words(arg, flag, &value).map_err(|why| ParseError::Value { place: name.clone(), why: why.into() })?;
        variables.insert(flag.to_owned(), Variable { name, value, words });
    }
    Ok(variables)
}

/// The value without what is only there because of how it was written; none if nothing is left.
fn plain(arg: &Arg, flag: &str, value: &OsStr) -> Option<OsString> {
    // A path may be anything but text.
    let Some(text) = value.to_str() else { return Some(value.to_owned()) };
    let text = match arg.get_value_delimiter() {
        Some(comma) => {
            text.split(comma).map(str::trim).filter(|member| !member.is_empty()).collect::<Vec<_>>().join(",")
        }
        None => text.trim().to_owned(),
    };
    let of_kubernetes = flag.ends_with("port") && text.starts_with("tcp://");
    (!text.is_empty() && !of_kubernetes).then(|| text.into())
}

fn words(arg: &Arg, flag: &str, value: &OsStr) -> Result<Vec<OsString>, &'static str> {
    let text = value.to_str().unwrap_or_default();
    if is_quoted(text) {
        return Err(QUOTED);
    }
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        let on = switch(text).ok_or(NO_SWITCH)?;
        return Ok(on.then(|| format!("--{flag}").into()).into_iter().collect());
    }
    let mut word = OsString::from(format!("--{flag}="));
    word.push(value);
    Ok(vec![word])
}

pub(super) const NO_SWITCH: &str = "must be true or false";

pub(super) const QUOTED: &str =
    "the value stands in quotes, and they are taken for a part of it; write it without them";

pub(super) fn is_quoted(text: &str) -> bool {
    ['"', '\''].iter().any(|quote| text.len() > 1 && text.starts_with(*quote) && text.ends_with(*quote))
}

/// As Go's `strconv.ParseBool` reads it, and so op-node.
pub(super) fn switch(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::{Cli, Command, Flags, Level, Origin};

    const BLANK: &str = include_str!("../../tests/cases/env-blank.env");
    const BOOLS: &str = include_str!("../../tests/cases/env-bools.env");

    fn environment(file: &str) -> impl Iterator<Item = (OsString, OsString)> {
        file.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.into(), value.into()))
    }

    /// What would be typed for these variables of `run`, or what is wrong with one.
    #[track_caller]
    fn check(file: &str, expected: Result<&[&str], &str>) {
        let run = Cli::command().find_subcommand("run").expect("a command").clone();
        let read = read(&run, &environment(file).collect(), |_| false).map_err(|error| error.to_string());
        let words =
            read.map(|variables| variables.into_values().flat_map(|variable| variable.words).collect::<Vec<_>>());
        let expected = expected.map(|words| words.iter().map(OsString::from).collect()).map_err(str::to_owned);
        assert_eq!(words, expected, "{file:?}");
    }

    #[test]
    fn a_variable_is_read_as_it_is_written() {
        check(BLANK, Ok(&[]));
        check(BOOLS, Ok(&["--l1.trustrpc", "--metrics.enabled"]));
        check("OP_STATUS_L1_TRUST_RPC=0\nOP_STATUS_METRICS_ENABLED=F", Ok(&[]));
        for word in ["yes", "on", "tRUE", "2"] {
            check(&format!("OP_STATUS_L1_TRUST_RPC={word}"), Err("OP_STATUS_L1_TRUST_RPC: must be true or false"));
        }
        check("OP_STATUS_L1_ETH_RPC=a,b=ws://c,", Ok(&["--l1=a,b=ws://c"]));
        check("OP_STATUS_L1_ETH_RPC= a , ,b\t", Ok(&["--l1=a,b"]));
        check("OP_STATUS_L1_ETH_RPC=,", Ok(&[]));
        check("OP_STATUS_RPC_PORT=9545 ", Ok(&["--rpc.port=9545"]));
        check("OP_STATUS_RPC_PORT=tcp://10.0.0.1:9545\nOP_STATUS_METRICS_PORT=tcp://10.0.0.1:7300", Ok(&[]));
        check("OP_STATUS_SAFEDB_PATH=/var/lib/op status", Ok(&["--safedb.path=/var/lib/op status"]));
        for quoted in ["\"ws://a\"", "'ws://a'", "\"ws://a\",\"ws://b\""] {
            let told = format!("OP_STATUS_L1_ETH_RPC: {QUOTED}");
            check(&format!("OP_STATUS_L1_ETH_RPC={quoted}"), Err(&told));
        }
        check("OP_STATUS_L1_ETH_RPC=\"", Ok(&["--l1=\""]));
    }

    /// What `run` makes of these words beside this environment: the value of a key and who gave it.
    #[track_caller]
    fn origin(typed: &[&str], file: &str, key: &str, expected: Result<(&str, Origin), &str>) {
        let base = ["op-status", "run", "--network=op-mainnet", "--l1=ws://l1", "--l2=http://l2"];
        let parsed = Flags::new(environment(file)).parse([&base, typed].concat());
        let found = parsed.map_err(|error| error.to_string()).map(|parsed| {
            let setting = parsed.settings.iter().find(|setting| setting.key == key).expect("a flag");
            (setting.values.join(","), setting.origin.clone())
        });
        let expected = expected.map(|(value, origin)| (value.to_owned(), origin)).map_err(str::to_owned);
        assert_eq!(found, expected, "{typed:?} {file:?}");
    }

    #[test]
    fn a_flag_counts_more_than_its_variable() {
        let from = |name: &str| Origin::Environment(name.to_owned());
        let port = "OP_STATUS_RPC_PORT=1";
        origin(&[], port, "rpc.port", Ok(("1", from("OP_STATUS_RPC_PORT"))));
        origin(&["--rpc.port=2"], port, "rpc.port", Ok(("2", Origin::Flag)));
        origin(&["--rpc.port=2"], "OP_STATUS_RPC_PORT='1'", "rpc.port", Ok(("2", Origin::Flag)));
        origin(&[], BLANK, "rpc.port", Ok(("9545", Origin::Default)));
        origin(&[], "OP_STATUS_RPC_PORT=65536", "rpc.port", Err("OP_STATUS_RPC_PORT: 65536 is not in 0..=65535"));
        origin(&[], BOOLS, "l1.trustrpc", Ok(("true", from("OP_STATUS_L1_TRUST_RPC"))));
        origin(&["--l1.trustrpc=false"], BOOLS, "l1.trustrpc", Ok(("false", Origin::Flag)));
        origin(&["--l1.trustrpc=True"], "", "l1.trustrpc", Ok(("true", Origin::Flag)));
        origin(&["--l1.trustrpc=yes"], "", "l1.trustrpc", Err("--l1.trustrpc: must be true or false"));
        origin(&["--rpc.port=\"1\""], "", "rpc.port", Err(&format!("--rpc.port: {QUOTED}")));
        // What excludes a variable takes its place.
        origin(&[], "OP_STATUS_ROLLUP_CONFIG=x.json", "rollup.config", Ok(("", Origin::Default)));
    }

    #[test]
    fn levels_are_written_as_anybody_does() {
        for (level, expected) in [
            ("INFO", Level::Info),
            ("Warn", Level::Warn),
            ("eror", Level::Error),
            ("TRCE", Level::Trace),
            ("dbug", Level::Debug),
        ] {
            let environment =
                environment("OP_STATUS_LOG_FORMAT=JSON").chain([("OP_STATUS_LOG_LEVEL".into(), level.into())]);
            let parsed = Flags::new(environment).parse(["op-status", "dev"]).expect(level);
            let Command::Dev(args) = parsed.cli.command else { panic!("this is dev") };
            assert_eq!((args.serve.log.level, args.serve.log.format), (expected, crate::args::Format::Json));
        }
    }

    /// Help is what clap makes of the variables as they are.
    #[test]
    fn help_names_the_variables() {
        let told = Flags::new([]).parse(["op-status", "run", "--help"]).expect_err("help").to_string();
        assert!(told.contains("[env: OP_STATUS_RPC_PORT="), "{told}");
    }
}
