//! `op-status config`: every value and who gave it, as a file that `--config` takes.

use upstream::Endpoint;

use crate::{
    args::{Origin, Setting},
    nodes::split,
};

/// The settings as TOML: first the keys that belong to no table, then a table for each first part of a name.
pub fn effective(settings: &[Setting]) -> String {
    let mut tables: Vec<(&str, Vec<(&str, &Setting)>)> = vec![("", Vec::new())];
    for setting in settings {
        let (table, key) = setting.key.split_once('.').unwrap_or(("", &setting.key));
        match tables.iter_mut().find(|(name, _)| *name == table) {
            Some((_, keys)) => keys.push((key, setting)),
            None => tables.push((table, vec![(key, setting)])),
        }
    }
    let mut text = String::from("# User, path and query of URLs are left out.\n");
    for (table, keys) in tables.iter().filter(|(_, keys)| !keys.is_empty()) {
        if !table.is_empty() {
            text.push_str(&format!("\n[{table}]\n"));
        }
        let lines: Vec<_> = keys.iter().map(|(key, setting)| (line(key, setting), origin(setting))).collect();
        let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or_default();
        lines.iter().for_each(|(line, origin)| text.push_str(&format!("{line:width$}  # {origin}\n")));
    }
    text
}

fn line(key: &str, setting: &Setting) -> String {
    let shown = |value: &String| toml(&if setting.secret { masked(value) } else { value.clone() });
    match (setting.values.as_slice(), setting.list) {
        // TOML has no value for what is not set.
        ([], _) => format!("# {key}"),
        (values, true) => format!("{key} = [{}]", values.iter().map(shown).collect::<Vec<_>>().join(", ")),
        (values, false) => format!("{key} = {}", values.iter().map(shown).collect::<String>()),
    }
}

fn origin(setting: &Setting) -> String {
    match &setting.origin {
        Origin::Flag => "flag".into(),
        Origin::Environment(name) => format!("environment {name}"),
        Origin::File => "file".into(),
        Origin::Default if setting.values.is_empty() => "not set".into(),
        Origin::Default => "default".into(),
    }
}

/// A number or switch as such, anything else as text.
fn toml(value: &str) -> String {
    let is_number = value.parse().is_ok_and(|number: u64| number.to_string() == value);
    match is_number || matches!(value, "true" | "false") {
        true => value.to_owned(),
        false => toml::Value::String(value.to_owned()).to_string(),
    }
}

/// A URL as it may be shown, with the name that its operator gave it.
fn masked(value: &str) -> String {
    let (name, url) = split(value);
    let shown = Endpoint::shown(url).unwrap_or("***".into());
    name.map(|name| format!("{name}={shown}")).unwrap_or(shown)
}

/// `text` with every URL in it as it may be shown.
pub fn without_secrets(text: &str) -> String {
    let bounds = |c: char| c.is_whitespace() || "'\",<>".contains(c);
    let mut clean = String::new();
    for piece in text.split_inclusive(bounds) {
        let word = piece.trim_end_matches(bounds);
        match word.contains("://") {
            true => clean.push_str(&masked(word)),
            false => clean.push_str(word),
        }
        clean.push_str(&piece[word.len()..]);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_a_text_lose_their_secrets() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(without_secrets(text), expected);
        }
        check("", "");
        check("error: no such flag '--l3'\n", "error: no such flag '--l3'\n");
        check("unexpected argument 'https://u:p@h:1/k?q' found", "unexpected argument 'https://h:1' found");
        check("a=wss://u:p@h/k, <ftp://u:p@h>", "a=wss://h, <***>");
        check("http://127.0.0.1:9545", "http://127.0.0.1:9545");
        check("--l4=http://u:p@h/k", "--l4=http://h");
    }
}
