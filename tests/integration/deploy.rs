//! What is deployed agrees with the flags, and each way to deploy it with the others: unit, image, compose, chart, packages.

use std::{collections::BTreeMap, fs, path::Path};

use clap::CommandFactory;
use futures::FutureExt;
use op_status::args::{Cli, Command, Parsed, parse};
use serde_json::Value;

/// The user of the image and the chart.
const USER: &str = "10001";

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What follows `key` on the one line that begins with it.
#[track_caller]
fn line(text: &str, key: &str) -> String {
    let found: Vec<_> = text.lines().filter_map(|line| line.trim_start().strip_prefix(key)).collect();
    let [line] = found[..] else { panic!("{key}: {found:?}") };
    line.to_owned()
}

fn words(array: &Value) -> Vec<String> {
    array.as_array().expect("a list").iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
}

/// The arguments as the program takes them.
#[track_caller]
fn taken(args: &[String]) -> Parsed {
    parse(args).unwrap_or_else(|error| panic!("{args:?}: {error}"))
}

/// The default of a flag of `run`.
fn default(flag: &str) -> String {
    let cli = Cli::command();
    let run = cli.find_subcommand("run").expect("a command");
    let arg = run.get_arguments().find(|arg| arg.get_long() == Some(flag)).expect("a flag");
    arg.get_default_values()[0].to_str().expect("text").to_owned()
}

/// 512M, 512m and 512Mi are the same.
fn mebibytes(text: &str) -> String {
    text.trim_end_matches('i').to_uppercase()
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn all_agree_on_ports_limits_and_the_user() {
    let unit = read("deploy/systemd/op-status.service");
    let image = read("Dockerfile");
    let compose = yaml("deploy/compose.yml")["services"]["op-status"].clone();
    let chart = yaml("deploy/helm/values.yaml");
    let prometheus = yaml("deploy/prometheus/prometheus.yml");
    let pod = read("deploy/helm/templates/statefulset.yaml");
    let (rpc, metrics) = (default("rpc.port"), default("metrics.port"));
    let command = words(&compose["command"]);
    let (program, health) = (image_words(&image, "ENTRYPOINT ").concat(), line(&image, "HEALTHCHECK "));
    let table = [
        ("the image's ports", line(&image, "EXPOSE "), format!("{rpc} {metrics}")),
        ("the port of its health check", line(&image, "ENV OP_STATUS_RPC_PORT="), rpc.clone()),
        ("its user", line(&image, "USER "), format!("{USER}:{USER}")),
        ("the program of the unit", line(&unit, "ExecStart=").split(' ').next().unwrap().to_owned(), program),
        ("compose's port", shown(&compose["ports"][0]), format!("127.0.0.1:{rpc}:{rpc}")),
        ("compose's address", shown(&compose["environment"]["OP_STATUS_RPC_ADDR"]), "0.0.0.0".into()),
        (
            "what Prometheus asks",
            shown(&prometheus["scrape_configs"][0]["static_configs"][0]["targets"][0]),
            format!("op-status:{metrics}"),
        ),
        ("the chart's port", shown(&chart["ports"]["rpc"]), rpc),
        ("the chart's port of metrics", shown(&chart["ports"]["metrics"]), metrics),
        ("the chart's user", line(&pod, "runAsUser: "), USER.into()),
        ("the group of its volume", line(&pod, "fsGroup: "), USER.into()),
        ("what the chart asks for liveness", shown(&chart["probes"]["liveness"]["httpGet"]["path"]), "/healthz".into()),
        ("what it asks for readiness", shown(&chart["probes"]["readiness"]["httpGet"]["path"]), "/readyz".into()),
        (
            "how long a probe may take",
            format!("{}s", chart["probes"]["liveness"]["timeoutSeconds"]),
            health_option(&health, "timeout"),
        ),
        (
            "how often it is asked",
            format!("{}s", chart["probes"]["liveness"]["periodSeconds"]),
            health_option(&health, "interval"),
        ),
        ("compose's memory", mebibytes(&shown(&compose["mem_limit"])), line(&unit, "MemoryMax=")),
        ("the chart's memory", mebibytes(&shown(&chart["resources"]["limits"]["memory"])), line(&unit, "MemoryMax=")),
        ("compose's files", shown(&compose["ulimits"]["nofile"]), line(&unit, "LimitNOFILE=")),
        ("compose's patience", shown(&compose["stop_grace_period"]), line(&unit, "TimeoutStopSec=")),
        (
            "the chart's patience",
            format!("{}s", chart["terminationGracePeriodSeconds"]),
            line(&unit, "TimeoutStopSec="),
        ),
        ("the chart's version", shown(&yaml("deploy/helm/Chart.yaml")["version"]), env!("CARGO_PKG_VERSION").into()),
        (
            "the program's in the chart",
            shown(&yaml("deploy/helm/Chart.yaml")["appVersion"]),
            env!("CARGO_PKG_VERSION").into(),
        ),
    ];
    for (what, found, expected) in table {
        assert_eq!(found, expected, "{what}");
    }
    let Command::Dev(dev) = taken(&[&["op-status".to_owned()][..], &command].concat()).cli.command else {
        panic!("{command:?}")
    };
    assert!(dev.serve.metrics.enabled, "Prometheus finds nothing");
    let files: u32 = line(&unit, "LimitNOFILE=").parse().unwrap();
    assert!(files > dev.serve.rpc.max_connections + dev.serve.rpc.max_websockets + 1024, "{files}");
}

fn image_words(image: &str, key: &str) -> Vec<String> {
    words(&serde_json::from_str(&line(image, key)).expect("a list"))
}

/// The value of `--name` of the image's health check.
fn health_option(health: &str, name: &str) -> String {
    let option = format!("--{name}=");
    health.split(' ').find_map(|word| word.strip_prefix(&option)).expect("an option").to_owned()
}

#[test]
fn the_image_is_asked_for_liveness_within_its_time() {
    let image = read("Dockerfile");
    let health = line(&image, "HEALTHCHECK ");
    let command = words(&serde_json::from_str(health.split_once("CMD ").expect("a command").1).expect("a list"));
    let Command::Check(check) = taken(&command).cli.command else { panic!("{command:?}") };
    assert!(check.live, "a stale status does not get better by a restart");
    let limit = humantime::parse_duration(&health_option(&health, "timeout")).unwrap();
    assert!(check.timeout < limit, "killed before it says why");
    assert_eq!(image_words(&image, "ENTRYPOINT "), command[..1]);
}

#[test]
fn the_configuration_of_the_packages_is_taken() {
    // With every line that is commented out, as nobody would have it; then with the three that are enough.
    let text = read("deploy/package/op-status.toml");
    let keys = text.lines().filter_map(|line| line.strip_prefix('#'));
    let keys: Vec<_> = keys.filter(|key| !key.is_empty() && !key.starts_with(' ')).collect();
    assert!(keys.len() > 6, "{keys:?}");
    let all = keys.join("\n");
    let three = keys[..3].join("\n");
    for text in [all, three] {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &text).unwrap();
        let unit = read("deploy/systemd/op-status.service")
            .replace("/etc/op-status/op-status.toml", file.path().to_str().unwrap());
        let start: Vec<_> = line(&unit, "ExecStart=").split(' ').map(str::to_owned).collect();
        let Command::Run(run) = taken(&start).cli.command else { panic!("{start:?}") };
        let config = op_status::Config::from_args(&run).now_or_never().expect("no node is asked");
        config.unwrap_or_else(|error| panic!("{error}:\n{text}"));
    }
}

/// Where each file goes, from where, and with which mode.
type Files = BTreeMap<String, (String, String)>;

#[test]
fn the_packages_hold_the_same_files() {
    let manifest: toml::Table = read("bin/Cargo.toml").parse().unwrap();
    let assets = |tool: &str| manifest["package"]["metadata"][tool]["assets"].as_array().expect("a list").clone();
    let text = |value: &toml::Value| value.as_str().expect("text").to_owned();
    let into = |to: String, from: &str| match to.ends_with('/') {
        true => to + from.rsplit('/').next().unwrap(),
        false => to,
    };
    let deb = assets("deb").into_iter().map(|row| {
        let from = text(&row[0]).trim_start_matches("../").to_owned();
        (format!("/{}", into(text(&row[1]), &from)), (from, text(&row[2])))
    });
    let mut deb: Files = deb.collect();
    // These two it knows by keys of their own.
    for (from, to) in [
        ("deploy/systemd/op-status.service", "/usr/lib/systemd/system/op-status.service"),
        ("LICENSE", "/usr/share/licenses/op-status/LICENSE"),
    ] {
        deb.insert(to.to_owned(), (from.to_owned(), "644".to_owned()));
    }
    let rpm = assets("generate-rpm").into_iter().map(|row| {
        let from = text(&row["source"]);
        (into(text(&row["dest"]), &from), (from, text(&row["mode"])))
    });
    assert_eq!(rpm.collect::<Files>(), deb);
    for (from, _) in deb.values().filter(|(from, _)| !from.starts_with("target/")) {
        assert!(!read(from).is_empty(), "{from}");
    }
    let user = |text: &str| line(text, "u op-status");
    let before = read("deploy/package/rpm/pre");
    assert!(before.contains(&user(&read("deploy/package/sysusers.d/op-status.conf"))), "{before}");
}
