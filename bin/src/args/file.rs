//! `--config FILE`: every flag as a key of a TOML file.
//!
//! A key is the long name of a flag: `network`, `rpc.addr`, or `addr` in the table `[rpc]`. TOML has no key that is a
//! value and a table at once, so where a flag's name begins other names, `url` in its table stands for it: `l1.url`
//! for `--l1` beside `l1.trustrpc`.

use std::{collections::BTreeMap, fs, path::Path};

use clap::{Arg, ArgAction, Command};
use thiserror::Error;
use toml::de::{DeTable, DeValue};

/// What stands for a flag whose name begins others.
const ITSELF: &str = "url";

/// Names less alike than this are no hint.
const ALIKE: f64 = 0.7;

/// What is wrong with the file, and where. No value is ever shown, as it may be a secret.
#[derive(Debug, Error)]
#[error("{path}{}: {fault}", place(.line))]
pub struct FileError {
    /// The file.
    pub path: String,
    /// The line, from 1; none where it is the file as a whole.
    pub line: Option<usize>,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with a file of flags.
#[derive(Debug, Error)]
pub enum Fault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is not TOML.
    #[error("not TOML: {0}")]
    Syntax(String),
    /// No flag has this name.
    #[error("{key} is no flag of {command}{}", hint(.nearest))]
    Unknown {
        /// The key.
        key: String,
        /// The subcommand.
        command: String,
        /// The name that it may be meant for.
        nearest: Option<String>,
    },
    /// Two keys stand for one flag.
    #[error("{0} is given twice")]
    Twice(String),
    /// The value is not one for this flag.
    #[error("{key}: {why}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong with it.
        why: String,
    },
}

impl FileError {
    /// Whether the file may be there later: what it is on may not be mounted yet.
    pub fn may_mend(&self) -> bool {
        matches!(&self.fault, Fault::Unreadable(error) if error.kind() == std::io::ErrorKind::NotFound)
    }
}

fn place(line: &Option<usize>) -> String {
    line.map(|line| format!(":{line}")).unwrap_or_default()
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; is {name} meant?")).unwrap_or_default()
}

/// What a file says of one flag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) line: usize,
    /// What would be typed for it: nothing for a switch that is off.
    pub(super) words: Vec<String>,
}

/// The entries of the file by the long names of `command`'s flags.
pub(super) fn read(path: &Path, command: &Command) -> Result<BTreeMap<String, Entry>, FileError> {
    let fault = |line, fault| FileError { path: path.display().to_string(), line, fault };
    let text = fs::read_to_string(path).map_err(|error| fault(None, error.into()))?;
    entries(&text, command).map_err(|(at, why)| fault(Some(line_of(&text, at)), why))
}

/// The key of a flag.
pub(crate) fn key(flag: &str, command: &Command) -> String {
    let begins = format!("{flag}.");
    match flags(command).any(|(name, _)| name.starts_with(&begins)) {
        true => format!("{flag}.{ITSELF}"),
        false => flag.to_owned(),
    }
}

/// The flags that a file may set.
pub(crate) fn flags(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    let named = command.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg)));
    named.filter(|(flag, _)| !["help", "version", "config", "json"].contains(flag))
}

/// An error comes with the offset of what is wrong.
fn entries(text: &str, command: &Command) -> Result<BTreeMap<String, Entry>, (usize, Fault)> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (at, Fault::Syntax(error.message().lines().collect::<Vec<_>>().join(", ")))
    })?;
    let mut leaves = Vec::new();
    flatten(table.get_ref(), "", &mut leaves);
    let mut entries = BTreeMap::new();
    for (key, at, value) in leaves {
        let (flag, arg) = flag(&key, command).ok_or_else(|| (at, unknown(&key, command)))?;
        if is_blank(value) {
            continue;
        }
        let words = words(flag, arg, value).map_err(|why| (at, Fault::Value { key: key.clone(), why: why.into() }))?;
        if entries.insert(flag.to_owned(), Entry { line: line_of(text, at), words }).is_some() {
            return Err((at, Fault::Twice(flag.to_owned())));
        }
    }
    Ok(entries)
}

/// Everything that is no table, with its dotted key and where it is.
fn flatten<'a>(table: &'a DeTable<'_>, above: &str, leaves: &mut Vec<(String, usize, &'a DeValue<'a>)>) {
    for (name, value) in table {
        let key = if above.is_empty() { name.get_ref().to_string() } else { format!("{above}.{}", name.get_ref()) };
        match value.get_ref() {
            DeValue::Table(table) => flatten(table, &key, leaves),
            leaf => leaves.push((key, name.span().start, leaf)),
        }
    }
}

fn flag<'a>(key: &str, command: &'a Command) -> Option<(&'a str, &'a Arg)> {
    let named = |wanted: &str| flags(command).find(|(flag, _)| *flag == wanted);
    named(key).or_else(|| named(key.strip_suffix(ITSELF)?.strip_suffix('.')?))
}

fn unknown(unknown: &str, command: &Command) -> Fault {
    let alike = |name: &String| strsim::normalized_damerau_levenshtein(name, unknown);
    let nearest = flags(command).map(|(flag, _)| key(flag, command)).max_by(|a, b| alike(a).total_cmp(&alike(b)));
    Fault::Unknown {
        key: unknown.to_owned(),
        command: command.get_name().to_owned(),
        nearest: nearest.filter(|name| alike(name) > ALIKE),
    }
}

fn words(flag: &str, arg: &Arg, value: &DeValue<'_>) -> Result<Vec<String>, &'static str> {
    let with = |value: &DeValue<'_>| Ok(format!("--{flag}={}", word(value)?));
    match (arg.get_action(), value) {
        (ArgAction::SetTrue, DeValue::Boolean(false)) => Ok(Vec::new()),
        (ArgAction::SetTrue, DeValue::Boolean(true)) => Ok(vec![format!("--{flag}")]),
        (ArgAction::SetTrue, _) => Err("must be true or false"),
        (ArgAction::Append, DeValue::Array(values)) => {
            values.iter().map(|value| value.get_ref()).filter(|value| !is_blank(value)).map(with).collect()
        }
        (_, value) => Ok(vec![with(value)?]),
    }
}

/// What a template leaves where it had nothing to put in is not given, as in the environment.
fn is_blank(value: &DeValue<'_>) -> bool {
    matches!(value, DeValue::String(text) if text.trim().is_empty())
}

/// A value as it would be typed.
fn word(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "is too large a number"),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(value) => Ok(value.to_string()),
        DeValue::Datetime(_) => Err("must be text or a number, not a date"),
        DeValue::Array(_) => Err("takes a single value, not a list"),
        DeValue::Table(_) => Err("takes a value, not a table"),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    /// What a file for `run` stands for, or what is wrong with it.
    #[track_caller]
    fn check(text: &str, expected: Result<&[&str], &str>) {
        let run = Cli::command().find_subcommand("run").expect("a command").clone();
        let read = entries(text, &run).map_err(|(at, fault)| format!("{}: {fault}", line_of(text, at)));
        let words = read.map(|entries| entries.into_values().flat_map(|entry| entry.words).collect::<Vec<_>>());
        assert_eq!(
            words.as_deref().map_err(String::as_str),
            expected.map(|it| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()).as_deref().map_err(|it| *it)
        );
    }

    #[test]
    fn a_key_is_a_flag() {
        check("", Ok(&[]));
        check("network = 'op-mainnet'", Ok(&["--network=op-mainnet"]));
        check("rpc.addr = '::1'\nrpc.port = 1_000", Ok(&["--rpc.addr=::1", "--rpc.port=1000"]));
        check("[rpc]\naddr = '::1'\nport = 0x10", Ok(&["--rpc.addr=::1", "--rpc.port=16"]));
        check("'rpc.port' = '1'", Ok(&["--rpc.port=1"]));
        check("l1 = 'ws://a'", Ok(&["--l1=ws://a"]));
        check("l1.url = ['ws://a', 'b=ws://b']", Ok(&["--l1=ws://a", "--l1=b=ws://b"]));
        check("[l1]\ntrustrpc = true\nrpc-rate-limit = 2.5", Ok(&["--l1.rpc-rate-limit=2.5", "--l1.trustrpc"]));
        check("[l1]\ntrustrpc = false\nurl = []", Ok(&[]));
        check("network = '-x'", Ok(&["--network=-x"]));
        check("network = ''\nl1.url = ['a', ' ']\nl2.url = '\t'\nl1.trustrpc = ''", Ok(&["--l1=a"]));
        check("\u{feff}network = 'op-mainnet'\r\n", Ok(&["--network=op-mainnet"]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        check("\n\nrpc.prot = 1", Err("3: rpc.prot is no flag of run; is rpc.port meant?"));
        check("[rpc]\nurl = 'a'", Err("2: rpc.url is no flag of run"));
        check("[l1]\nurls = 'a'", Err("2: l1.urls is no flag of run; is l1.url meant?"));
        check("config = 'a'", Err("1: config is no flag of run"));
        check("dev.l1-block-time = '1s'", Err("1: dev.l1-block-time is no flag of run"));
        check("[l1]\ntrustrpc = 'yes'", Err("2: l1.trustrpc: must be true or false"));
        check("rpc.prot = ''", Err("1: rpc.prot is no flag of run; is rpc.port meant?"));
        check("rpc.port = [1]", Err("1: rpc.port: takes a single value, not a list"));
        check("rpc.port = 2026-11-22", Err("1: rpc.port: must be text or a number, not a date"));
        check("l1.url = [['a']]", Err("1: l1.url: takes a single value, not a list"));
        check("l1.url = 'a'\n'l1' = 'b'", Err("2: not TOML: duplicate key"));
        check("'l1.url' = 'a'\nl1 = 'b'", Err("1: l1 is given twice"));
        check("a = 1\nl1 = \"s3cr3t", Err("2: not TOML: invalid basic string, expected `\"`"));
    }
}
