//! From the command line, the environment and a file to what was meant: a flag counts more than its environment
//! variable, that more than the file, and the file more than the default.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::PathBuf,
};

use clap::{
    Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};

use super::{
    cli::Cli,
    environment::{self, Environment, NO_SWITCH, QUOTED, Variable, is_quoted, switch},
    error::ParseError,
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

/// Reads the command line, the environment and the file that either names.
pub fn parse(typed: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Parsed, ParseError> {
    Flags::default().parse(typed)
}

/// Every command and its flags as clap has them. To build them takes longer than to read any command line.
#[derive(Debug)]
pub struct Flags {
    /// With the names of variables, for help.
    documented: Command,
    /// The same without them: clap reads variables more strictly than others write them.
    all: Command,
    /// The same, content with what is given.
    lenient: Command,
    environment: Environment,
}

impl Default for Flags {
    fn default() -> Self {
        Self::new(std::env::vars_os())
    }
}

impl Flags {
    /// Beside these environment variables.
    pub fn new(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut documented = Cli::command();
        let mut all = documented.clone().mut_subcommands(|command| command.mut_args(|arg| arg.env(Resettable::Reset)));
        documented.build();
        all.build();
        let environment = environment.into_iter().collect();
        Self { lenient: all.clone().ignore_errors(true), all, documented, environment }
    }

    /// As [`parse`] does; environment variables are as they were when these were built.
    pub fn parse(&mut self, typed: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Parsed, ParseError> {
        let mut typed: Vec<OsString> = typed.into_iter().map(Into::into).collect();
        let named = typed.get(1).and_then(|name| self.documented.find_subcommand(name));
        let off = named.map_or(Ok(BTreeSet::new()), |command| plain_switches(&mut typed, command))?;
        // What is given without file and environment. Wrong usage is told of below, when they have filled in what is missing.
        let given = self.lenient.try_get_matches_from_mut(&typed).map_err(|error| self.documented(error, &typed))?;
        let given = given.subcommand().and_then(|(name, given)| Some((self.documented.find_subcommand(name)?, given)));
        let mut from = Sources::default();
        if let Some((command, given)) = given {
            let typed_flag = |flag: &str| off.contains(flag) || is_typed(flag, command, given);
            let rivals = |flag: &str| rivals(flag, command);
            let excluded =
                |flag: &str, by: &dyn Fn(&str) -> bool| by(flag) || rivals(flag).iter().any(|rival| by(rival));
            from.variables = environment::read(command, &self.environment, |flag| excluded(flag, &typed_flag))?;
            let file = given.try_get_one::<PathBuf>("file").ok().flatten().cloned();
            if let Some(file) = file.or_else(|| Some(from.variables.get("config")?.value.clone().into())) {
                from.entries = file::read(&file, command)?;
                from.path = file;
                let above = |flag: &str| typed_flag(flag) || from.variables.contains_key(flag);
                from.entries.retain(|flag, _| !excluded(flag, &above));
            }
            // Behind the name of the subcommand, so that nothing typed can swallow them.
            typed.splice(2..2, from.words());
        }
        let matches = self.all.try_get_matches_from_mut(&typed).map_err(|error| from.blamed(error))?;
        let cli = Cli::from_arg_matches(&matches)?;
        let chosen = matches.subcommand();
        let settings = match chosen.and_then(|(name, matches)| Some((self.documented.find_subcommand(name)?, matches)))
        {
            Some((command, matches)) => settings(command, matches, &from, &off),
            None => Vec::new(),
        };
        Ok(Parsed { cli, settings })
    }

    /// Help with the names of variables in it.
    fn documented(&mut self, error: clap::Error, typed: &[OsString]) -> clap::Error {
        match error.kind() {
            ErrorKind::DisplayHelp => self.documented.try_get_matches_from_mut(typed).err().unwrap_or(error),
            _ => error,
        }
    }
}

/// What is said elsewhere than on the command line.
#[derive(Debug, Default)]
struct Sources {
    variables: BTreeMap<String, Variable>,
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
}

impl Sources {
    /// What would be typed for it.
    fn words(&self) -> Vec<OsString> {
        let of_file = self.entries.values().flat_map(|entry| entry.words.iter().map(OsString::from));
        self.variables.values().flat_map(|variable| variable.words.iter().cloned()).chain(of_file).collect()
    }
}

/// Takes the words for switches that have a value for words without one, and gives the switches that are turned off.
fn plain_switches(typed: &mut Vec<OsString>, command: &Command) -> Result<BTreeSet<String>, ParseError> {
    let mut off = BTreeSet::new();
    let mut plain = Vec::new();
    for word in typed.drain(..) {
        let Some((flag, value)) = word.to_str().and_then(|word| word.strip_prefix("--")?.split_once('=')) else {
            plain.push(word);
            continue;
        };
        let refused = |why| ParseError::Value { place: format!("--{flag}"), why };
        if is_quoted(value) {
            return Err(refused(QUOTED.into()));
        }
        let is_switch = |arg: &&Arg| arg.get_long() == Some(flag) && matches!(arg.get_action(), ArgAction::SetTrue);
        match command.get_arguments().find(is_switch).map(|_| switch(value)) {
            None => plain.push(word),
            Some(Some(true)) => plain.push(format!("--{flag}").into()),
            Some(Some(false)) => drop(off.insert(flag.to_owned())),
            Some(None) => return Err(refused(NO_SWITCH.into())),
        }
    }
    *typed = plain;
    Ok(off)
}

/// Whether the command line gives the flag.
fn is_typed(flag: &str, command: &Command, given: &ArgMatches) -> bool {
    let Some(arg) = command.get_arguments().find(|arg| arg.get_long() == Some(flag)) else { return false };
    let id = arg.get_id().as_str();
    given.try_contains_id(id).is_ok() && given.value_source(id) == Some(ValueSource::CommandLine)
}

/// The flags that exclude this one.
fn rivals<'a>(flag: &str, command: &'a Command) -> Vec<&'a str> {
    let Some((_, arg)) = file::flags(command).find(|(name, _)| *name == flag) else { return Vec::new() };
    let groups = command.get_groups().filter(|group| {
        let mut group = (*group).clone();
        !group.is_multiple() && group.get_args().any(|id| id == arg.get_id())
    });
    let ids: Vec<_> = groups.flat_map(|group| group.get_args()).collect();
    command.get_arguments().filter(|other| ids.contains(&other.get_id())).filter_map(Arg::get_long).collect()
}

impl Sources {
    /// A value that clap refuses is told of by its variable or its place in the file, if it is from there.
    fn blamed(&self, error: clap::Error) -> ParseError {
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.clone()),
            Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
            _ => None,
        };
        let why = std::error::Error::source(&error).map(ToString::to_string);
        let why = why.or_else(|| text(ContextKind::ValidValue).map(|values| format!("must be one of {values}")));
        let arg = text(ContextKind::InvalidArg);
        let flag = arg.as_deref().and_then(|arg| arg.split_whitespace().next()?.strip_prefix("--"));
        let (Some(flag), Some(why)) = (flag, why) else { return error.into() };
        match (self.variables.get(flag), self.entries.get(flag)) {
            (Some(variable), _) => ParseError::Value { place: variable.name.clone(), why: why.into() },
            (None, Some(entry)) => ParseError::File(FileError {
                path: self.path.display().to_string(),
                line: Some(entry.line),
                fault: Fault::Value { key: flag.to_owned(), why },
            }),
            (None, None) => error.into(),
        }
    }
}

fn settings(command: &Command, matches: &ArgMatches, from: &Sources, off: &BTreeSet<String>) -> Vec<Setting> {
    let setting = |(flag, arg): (&str, &Arg)| {
        let id = arg.get_id().as_str();
        let raw = matches.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy().into_owned());
        let origin = match (from.variables.get(flag), matches.value_source(id)) {
            (Some(variable), _) => Origin::Environment(variable.name.clone()),
            _ if from.entries.contains_key(flag) => Origin::File,
            (_, Some(ValueSource::CommandLine)) => Origin::Flag,
            _ if off.contains(flag) => Origin::Flag,
            _ => Origin::Default,
        };
        Setting {
            key: file::key(flag, command),
            values: raw.collect(),
            list: matches!(arg.get_action(), ArgAction::Append),
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
                        _ if flag.ends_with("chain-id") => "1".to_owned(),
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
