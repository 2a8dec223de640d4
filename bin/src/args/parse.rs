//! From the command line, the environment and a file to what was meant: a flag counts more than its environment
//! variable, that more than the file, and the file more than the default.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use clap::{
    ArgMatches, Command, CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue},
    parser::ValueSource,
};
use thiserror::Error;

use super::{
    Cli,
    file::{self, Entry, Fault, FileError},
};

/// What was typed, with everything else filled in.
#[derive(Debug)]
pub struct Parsed {
    /// The command.
    pub cli: Cli,
    /// Every flag of it, in the order of its help.
    pub settings: Vec<Setting>,
}

/// The value of one flag, and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key in a file.
    pub key: String,
    /// Its values, as typed.
    pub values: Vec<String>,
    /// Whether it takes several.
    pub list: bool,
    /// Whether its values may hold a secret.
    pub secret: bool,
    /// Who gave the values.
    pub origin: Origin,
}

/// Where the value of a flag comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// The environment variable of this name.
    Environment(String),
    /// The file.
    File,
    /// Nobody gave it.
    Default,
}

/// Why there is nothing to do.
#[derive(Debug, Error)]
pub enum ParseError {
    /// Wrong usage; or a call for help, which is no error.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The file is not usable.
    #[error("--config: {0}")]
    File(#[from] FileError),
}

/// Reads the command line, the environment and the file that either names.
pub fn parse(typed: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Parsed, ParseError> {
    Flags::default().parse(typed)
}

/// Every command and its flags as clap has them. To build them takes longer than to read any command line.
#[derive(Debug)]
pub struct Flags {
    all: Command,
    /// The same, content with what is given.
    lenient: Command,
}

impl Default for Flags {
    fn default() -> Self {
        let mut all = Cli::command();
        all.build();
        Self { lenient: all.clone().ignore_errors(true), all }
    }
}

impl Flags {
    /// As [`parse`] does; environment variables are as they were when these were built.
    pub fn parse(&mut self, typed: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Parsed, ParseError> {
        let mut typed: Vec<OsString> = typed.into_iter().map(Into::into).collect();
        // What is given without the file. Wrong usage is told of below, when the file has filled in what is missing.
        let given = self.lenient.try_get_matches_from_mut(&typed)?;
        let given = given.subcommand().and_then(|(name, given)| Some((self.all.find_subcommand(name)?, given)));
        let mut from_file = BTreeMap::new();
        let mut path = PathBuf::new();
        if let Some((command, given)) = given
            && let Ok(Some(file)) = given.try_get_one::<PathBuf>("file")
        {
            path.clone_from(file);
            from_file = file::read(&path, command)?;
            from_file.retain(|flag, _| !is_given(flag, command, given));
            let words = from_file.values().flat_map(|entry| entry.words.iter().map(OsString::from));
            // Behind the name of the subcommand, so that nothing typed can swallow them.
            typed.splice(2..2, words);
        }
        let matches = self.all.try_get_matches_from_mut(&typed).map_err(|error| in_file(error, &path, &from_file))?;
        let cli = Cli::from_arg_matches(&matches)?;
        let chosen = matches.subcommand();
        let settings = match chosen.and_then(|(name, matches)| Some((self.all.find_subcommand(name)?, matches))) {
            Some((command, matches)) => settings(command, matches, &from_file),
            None => Vec::new(),
        };
        Ok(Parsed { cli, settings })
    }
}

/// Whether the command line or the environment gives the flag, or one that excludes it.
fn is_given(flag: &str, command: &Command, given: &ArgMatches) -> bool {
    let explicit = |id: &str| {
        let source = given.try_contains_id(id).is_ok().then(|| given.value_source(id)).flatten();
        matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
    };
    let Some((_, arg)) = file::flags(command).find(|(name, _)| *name == flag) else { return false };
    let rivals = command.get_groups().filter(|group| {
        let mut group = (*group).clone();
        !group.is_multiple() && group.get_args().any(|id| id == arg.get_id())
    });
    explicit(arg.get_id().as_str()) || rivals.flat_map(|group| group.get_args()).any(|id| explicit(id.as_str()))
}

/// A value that clap refuses is told of by its place in the file, if it is from there.
fn in_file(error: clap::Error, path: &std::path::Path, from_file: &BTreeMap<String, Entry>) -> ParseError {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let flag = text(ContextKind::InvalidArg).and_then(|arg| {
        let flag = arg.split_whitespace().next()?.strip_prefix("--")?;
        from_file.get_key_value(flag)
    });
    let why = std::error::Error::source(&error).map(ToString::to_string);
    let why = why.or_else(|| text(ContextKind::ValidValue).map(|values| format!("must be one of {values}")));
    match (flag, why) {
        (Some((flag, entry)), Some(why)) => ParseError::File(FileError {
            path: path.display().to_string(),
            line: Some(entry.line),
            fault: Fault::Value { key: flag.clone(), why },
        }),
        _ => error.into(),
    }
}

fn settings(command: &Command, matches: &ArgMatches, from_file: &BTreeMap<String, Entry>) -> Vec<Setting> {
    let setting = |(flag, arg): (&str, &clap::Arg)| {
        let id = arg.get_id().as_str();
        let raw = matches.get_raw(id).into_iter().flatten();
        let origin = match matches.value_source(id) {
            _ if from_file.contains_key(flag) => Origin::File,
            Some(ValueSource::CommandLine) => Origin::Flag,
            Some(ValueSource::EnvVariable) => {
                Origin::Environment(arg.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default())
            }
            _ => Origin::Default,
        };
        Setting {
            key: file::key(flag, command),
            values: raw.map(|value| value.to_string_lossy().into_owned()).collect(),
            list: matches!(arg.get_action(), clap::ArgAction::Append),
            secret: arg.is_hide_env_values_set(),
            origin,
        }
    };
    file::flags(command).map(setting).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Parses `run` with these flags beside a file of this text.
    fn run(flags: &[&str], text: &str) -> Result<Parsed, ParseError> {
        let mut file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        let path = file.path().to_str().expect("a path");
        parse([&["op-status", "run", "--config", path], flags].concat())
    }

    #[track_caller]
    fn check(flags: &[&str], text: &str, key: &str, expected: (&[&str], Origin)) {
        let base = "network = 'op-mainnet'\n[l1]\nurl = 'ws://l1'\n[l2]\nurl = 'http://l2'\n";
        let parsed = run(flags, &format!("{base}{text}")).expect("usable");
        let setting = parsed.settings.iter().find(|setting| setting.key == key).expect("a flag");
        assert_eq!(
            (setting.values.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), setting.origin.clone()),
            expected
        );
    }

    #[test]
    fn a_flag_counts_more_than_the_file_and_that_more_than_the_default() {
        check(&[], "", "network", (&["op-mainnet"], Origin::File));
        check(&["--network", "op-sepolia"], "", "network", (&["op-sepolia"], Origin::Flag));
        check(&["--l1", "a,b"], "", "l1.url", (&["a", "b"], Origin::Flag));
        check(&[], "[rpc]\nport = 1", "rpc.port", (&["1"], Origin::File));
        check(&["--rpc.port", "2"], "[rpc]\nport = 1", "rpc.port", (&["2"], Origin::Flag));
        check(&[], "", "rpc.port", (&["9545"], Origin::Default));
        check(&[], "", "l2.jwt-secret", (&[], Origin::Default));
        check(
            &["--rollup", "a"],
            "[rollup]\ncurrent-l1 = ['origin']",
            "rollup.current-l1",
            (&["origin"], Origin::File),
        );
        // What excludes something in the file takes its place.
        check(&["--rollup.config", "x.json"], "", "network", (&[], Origin::Default));
        check(&["--rollup.config", "x.json"], "", "rollup.config", (&["x.json"], Origin::Flag));
    }

    #[test]
    fn a_refused_value_is_told_of_by_its_line() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let error = run(&["--l1", "a", "--l2", "b"], text).expect_err("refused").to_string();
            assert!(error.starts_with("--config: ") && error.ends_with(expected), "{error}");
        }
        check(
            "network = 'x'",
            ":1: network: must be one of base-mainnet, base-sepolia, ink-mainnet, ink-sepolia, op-mainnet, op-sepolia, soneium-mainnet, soneium-minato-sepolia, unichain-mainnet, unichain-sepolia",
        );
        check(
            "network = 'op-mainnet'\n\n[status]\nmax-age = 5",
            ":4: status.max-age: time unit needed, for example 5sec or 5ms (write 12s, 500ms or 6m24s)",
        );
        check("rpc.port = 65536", ":1: rpc.port: 65536 is not in 0..=65535");
        check("log.level = 'loud'", ":1: log.level: must be one of trace, debug, info, warn, error");
        let missing = parse(["op-status", "run", "--config", "none.toml", "--l1", "a"]).expect_err("no such file");
        assert!(missing.to_string().starts_with("--config: none.toml: cannot be read: "), "{missing}");
        // What is missing is wrong usage as ever.
        assert!(matches!(run(&[], ""), Err(ParseError::Usage(_))));
    }

    /// A file with every flag of a command sets every flag of it, and nothing else is left to the default.
    #[test]
    fn every_flag_can_stand_in_a_file() {
        for (name, leave_out) in [("run", "rollup.config"), ("dev", "")] {
            let mut all = Cli::command();
            all.build();
            let command = all.find_subcommand(name).expect("a command");
            let mut text = String::new();
            for (flag, arg) in file::flags(command).filter(|(flag, _)| *flag != leave_out) {
                let value =
                    match (arg.get_action(), arg.get_default_values().first(), arg.get_possible_values().first()) {
                        (clap::ArgAction::SetTrue, ..) => "true".to_owned(),
                        (_, Some(default), _) => format!("{default:?}"),
                        (_, None, Some(possible)) => format!("{:?}", possible.get_name()),
                        _ => "\"1s\"".to_owned(),
                    };
                text.push_str(&format!("{:?} = {value}\n", file::key(flag, command)));
            }
            let mut file = tempfile::NamedTempFile::new().expect("a file");
            file.write_all(text.as_bytes()).expect("written");
            let parsed = parse(["op-status", name, "--config", file.path().to_str().expect("a path")]).expect(&text);
            let not_set: Vec<_> =
                parsed.settings.iter().filter(|it| it.origin != Origin::File).map(|it| &it.key).collect();
            assert_eq!(not_set, if leave_out.is_empty() { vec![] } else { vec![leave_out] });
        }
    }
}
