//! The reference in `docs/reference`, made from the code: flags from clap, metrics from their list, RPC from
//! openrpc.json. A test holds the files against this; `cargo run -p tests --bin reference` writes them.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use clap::{Arg, Command, CommandFactory};
use eyre::{OptionExt, WrapErr};
use metrics::{FAMILIES, Family, Kind};
use op_status::args::Cli;
use serde_json::Value;

/// Says where a page comes from.
const MADE: &str = "<!-- Made from the code by `cargo run -p tests --bin reference`; do not edit. -->\n\n";

/// A page of the reference.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where it is.
    pub path: PathBuf,
    /// What it must say.
    pub text: String,
}

/// Every page as the code would have it.
///
/// # Errors
/// When openrpc.json is not what its tests say it is.
pub fn pages() -> eyre::Result<Vec<Page>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let openrpc = std::fs::read_to_string(root.join("openrpc.json"))?;
    let openrpc: Value = serde_json::from_str(&openrpc).wrap_err("openrpc.json")?;
    let page = |name: &str, text: String| Page { path: root.join("docs/reference").join(name), text: tidy(&text) };
    Ok(vec![page("flags.md", flags()?), page("metrics.md", metrics()?), page("rpc.md", rpc(&openrpc)?)])
}

/// No two empty lines in a row, and one line end at the end.
fn tidy(text: &str) -> String {
    let mut tidy = text.trim_end().to_owned();
    while tidy.contains("\n\n\n") {
        tidy = tidy.replace("\n\n\n", "\n\n");
    }
    tidy + "\n"
}

/// A text as a cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|").replace('<', "&lt;")
}

fn flags() -> eyre::Result<String> {
    let mut page = format!("# Flags\n\n{MADE}");
    writeln!(
        page,
        "A flag counts more than its environment variable, that more than the file named by `--config`, and that more \
         than the default. Times are written like `12s`, `500ms` or `6m24s`.\n"
    )?;
    let mut cli = Cli::command();
    cli.build();
    for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
        writeln!(page, "## op-status {}\n\n{}\n", command.get_name(), about(command))?;
        if command.get_name() == "config" || command.get_name() == "doctor" {
            writeln!(page, "The flags of `op-status run`, and:\n")?;
        }
        let of_run = |arg: &&Arg| {
            let run = cli.find_subcommand("run");
            ["config", "doctor"].contains(&command.get_name())
                && run.is_some_and(|run| run.get_arguments().any(|other| other.get_id() == arg.get_id()))
        };
        let own = command.get_arguments().filter(|arg| !of_run(arg) && !arg.is_hide_set());
        let own: Vec<&Arg> = own.filter(|arg| !["help", "version"].contains(&arg.get_id().as_str())).collect();
        let mut headings: Vec<_> = own.iter().map(|arg| arg.get_help_heading()).collect();
        headings.dedup();
        for heading in headings {
            if let Some(heading) = heading {
                writeln!(page, "### {heading}\n")?;
            }
            writeln!(page, "| flag | environment | default | |\n| --- | --- | --- | --- |")?;
            for arg in own.iter().filter(|arg| arg.get_help_heading() == heading) {
                writeln!(page, "{}", flag(arg))?;
            }
            writeln!(page)?;
        }
    }
    Ok(page)
}

fn about(command: &Command) -> String {
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    // clap drops the last full stop of a short text.
    if about.ends_with('.') { about } else { about + "." }
}

fn flag(arg: &Arg) -> String {
    let takes_value = arg.get_action().takes_values();
    let value = arg.get_value_names().filter(|_| takes_value).and_then(<[_]>::first);
    let value = value.map(ToString::to_string).unwrap_or_default();
    let name = match arg.get_long() {
        Some(long) if value.is_empty() => format!("`--{long}`"),
        Some(long) => format!("`--{long} {}`", value.replace('|', "\\|")),
        None => format!("`{value}`"),
    };
    let env = arg.get_env().map(|env| format!("`{}`", env.to_string_lossy())).unwrap_or_default();
    let defaults = arg.get_default_values().iter().filter(|_| takes_value);
    let default: Vec<_> = defaults.map(|value| format!("`{}`", value.to_string_lossy())).collect();
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let help = if help.ends_with('.') { help } else { help + "." };
    let values: Vec<_> = if takes_value {
        arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect()
    } else {
        Vec::new()
    };
    let values = if values.is_empty() { String::new() } else { format!(" One of {}.", values.join(", ")) };
    format!("| {name} | {env} | {} | {}{values} |", default.join(", "), cell(&help))
}

fn metrics() -> eyre::Result<String> {
    let mut page = format!("# Metrics\n\n{MADE}");
    writeln!(
        page,
        "With `--metrics.enabled` on <http://127.0.0.1:7300/metrics>. op-node's metrics have op-node's names, so its \
         dashboards work; what op-node says of derivation, sequencing and p2p is not there, since nothing here does that. \
         No label holds a block number, a hash or anything that clients or endpoints make up.\n"
    )?;
    for (title, prefix) in [("op-node's", "op_node_default_"), ("Ours", "op_status_")] {
        writeln!(page, "## {title}\n\n| metric | kind | labels | |\n| --- | --- | --- | --- |")?;
        for family in FAMILIES.iter().filter(|family| family.name.starts_with(prefix)) {
            let Family { labels, help, .. } = family;
            let kind = match family.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
            writeln!(page, "| `{}` | {kind} | {} | {} |", family.sample(), labels.join(", "), cell(help))?;
        }
        writeln!(page)?;
    }
    Ok(page)
}

fn rpc(openrpc: &Value) -> eyre::Result<String> {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let mut page = format!("# RPC\n\n{MADE}");
    writeln!(
        page,
        "JSON-RPC 2.0 over HTTP POST and WebSocket on one port, 127.0.0.1:9545. The schemas are in \
         [openrpc.json](../../openrpc.json), which `rpc.discover` answers too.\n"
    )?;
    for method in openrpc["methods"].as_array().ok_or_eyre("no methods")? {
        writeln!(
            page,
            "## {}\n\n{}\n\n{}\n",
            text(method, "name"),
            text(method, "summary"),
            text(method, "description")
        )?;
        for param in method["params"].as_array().into_iter().flatten() {
            let required = if param["required"] == true { "" } else { " (optional)" };
            writeln!(
                page,
                "- parameter `{}`{required}: {} {}",
                text(param, "name"),
                schema(&param["schema"]),
                text(param, "description")
            )?;
        }
        writeln!(page, "- result `{}`: {}", text(&method["result"], "name"), schema(&method["result"]["schema"]))?;
        for error in method["errors"].as_array().into_iter().flatten() {
            let name = text(error, "$ref").rsplit('/').next().unwrap_or_default().to_owned();
            let error = &openrpc["components"]["errors"][&name];
            writeln!(page, "- error {}, for example: {}", error["code"], cell(&text(error, "message")))?;
        }
        if let Some(example) = method["examples"].get(0) {
            let value = serde_json::to_string_pretty(&example["result"]["value"])?;
            if value.lines().count() <= 20 {
                writeln!(page, "\n```json\n{value}\n```")?;
            }
        }
        writeln!(page)?;
    }
    writeln!(page, "## Types\n")?;
    for (name, it) in openrpc["components"]["schemas"].as_object().ok_or_eyre("no schemas")? {
        writeln!(page, "### {name}\n\n{}\n", text(it, "description"))?;
        for (field, value) in it["properties"].as_object().into_iter().flatten() {
            writeln!(page, "- `{field}`: {} {}", schema(value), cell(&text(value, "description")))?;
        }
        writeln!(page)?;
    }
    Ok(page.lines().map(|line| line.trim_end().to_owned() + "\n").collect())
}

/// A schema in a few words.
fn schema(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    let any = ["oneOf", "anyOf"].iter().find_map(|key| schema[key].as_array());
    if let Some(any) = any {
        return any.iter().map(self::schema).collect::<Vec<_>>().join(" or ");
    }
    if let Some(values) = schema["enum"].as_array() {
        return values
            .iter()
            .map(|value| format!("`{}`", value.to_string().trim_matches('"')))
            .collect::<Vec<_>>()
            .join(", ");
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => format!("list of {}", self::schema(&schema["items"])),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => schema.get("const").map_or_else(|| "any value".into(), |value| format!("`{value}`")),
    }
}
