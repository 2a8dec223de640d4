//! The configuration as a file, and how it is shown.

use std::process::{Command, Output};

use crate::shared::file;

/// Runs the program with nothing in the environment but what is given.
fn op_status(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_op-status"));
    command.env_clear().envs(environment.iter().copied()).args(args).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// The lines of `op-status config` that speak of these keys, without what aligns them.
fn lines(told: &Output, keys: &[&str]) -> Vec<String> {
    assert!(told.status.success(), "{}", text(&told.stderr));
    let squeeze = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let named = |line: &String| keys.iter().any(|key| line.starts_with(&format!("{key} ")));
    text(&told.stdout).lines().map(squeeze).filter(named).collect()
}

#[test]
fn a_flag_beats_the_environment_and_that_the_file() {
    let file = file(
        "network = 'op-mainnet'\nlog.level = 'warn'\nl1.url = 'ws://file'\nl2.url = 'ws://file'\nrpc.max-connections = 9",
    );
    let environment = [
        ("OP_STATUS_CONFIG", file.path().to_str().expect("a path")),
        ("OP_STATUS_L1_ETH_RPC", "ws://environment"),
        ("OP_STATUS_L2_ENGINE_RPC", "ws://environment"),
    ];
    let told = op_status(&["config", "--l1", "ws://flag", "--rpc.max-batch", "7"], &environment);
    let expected = [
        r#"network = "op-mainnet" # file"#,
        r#"url = ["ws://flag"] # flag"#,
        r#"url = "ws://environment" # environment OP_STATUS_L2_ENGINE_RPC"#,
        "max-connections = 9 # file",
        "max-websockets = 256 # default",
        "max-batch = 7 # flag",
        r#"level = "warn" # file"#,
    ];
    assert_eq!(lines(&told, &["network", "url", "max-connections", "max-websockets", "max-batch", "level"]), expected);
}

#[test]
fn what_is_shown_is_a_file_of_the_same_configuration() {
    let flags =
        ["config", "--network", "op-sepolia", "--l1", "a=ws://l1,http://b", "--l1.trustrpc", "--rollup", "http://n"];
    let first = op_status(&flags, &[]);
    let shown = text(&first.stdout);
    assert!(first.status.success() && !shown.contains("# file"), "{shown}");
    let file = file(&shown);
    let again = op_status(&["config", "--config", file.path().to_str().expect("a path")], &[]);
    let values = |text: &str| {
        let lines = text.lines().filter_map(|line| line.split_once("  #")).map(|(line, _)| line.trim_end().to_owned());
        lines.filter(|line| line.contains(" = ")).collect::<Vec<_>>()
    };
    assert_eq!(values(&text(&again.stdout)), values(&shown), "{}", text(&again.stderr));
    assert!(values(&shown).contains(&"trustrpc = true".to_owned()), "{shown}");
}

#[test]
fn a_file_that_cannot_be_used_is_wrong_usage() {
    let file = file("l1.url = 'ws://u:s3cr3t@h/k'\nl1.trustrpc = 'no'\n");
    let path = file.path().to_str().expect("a path");
    let told = op_status(&["run", "--config", path], &[]);
    let said = text(&told.stderr);
    assert_eq!((told.status.code(), &told.stdout[..]), (Some(2), &b""[..]));
    assert_eq!(said, format!("error: --config: {path}:2: l1.trustrpc: must be true or false\n"));
}

#[test]
fn completions_know_the_flags() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let told = op_status(&["completions", shell], &[]);
        let script = text(&told.stdout);
        assert!(
            told.status.success() && script.contains("l1.stall-timeout") && script.contains("op-status"),
            "{shell}"
        );
    }
    assert_eq!(op_status(&["completions", "tcsh"], &[]).status.code(), Some(2));
}

#[test]
fn the_manual_knows_the_flags() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = op_status(&["man", folder.path().to_str().expect("a path")], &[]);
    assert!(told.status.success(), "{}", text(&told.stderr));
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a page");
    assert!(page("op-status.1").contains("op\\-status\\-run(1)"));
    assert!(page("op-status-run.1").contains("l1.stall\\-timeout"));
    assert_eq!(op_status(&["man", "/nowhere"], &[]).status.code(), Some(1));
}

#[test]
fn safe_heads_need_a_node_that_knows_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("db");
    let run = |l2: &[&str]| {
        let path = path.to_str().expect("a path");
        let base = ["run", "--network", "op-sepolia", "--l1", "ws://127.0.0.1:1", "--safedb.path", path];
        let told = op_status(&[&base[..], l2].concat(), &[]);
        assert_eq!(told.status.code(), Some(2), "{l2:?}");
        text(&told.stderr)
    };
    for l2 in [
        &["--l2", "http://127.0.0.1:1"][..],
        &["--rollup.follower", "http://127.0.0.1:1"],
        &["--rollup", "http://127.0.0.1:1", "--rollup.current-l1", "origin"],
    ] {
        let error = run(l2);
        assert!(error.contains("--safedb.path: nobody here can say what was safe at an L1 block"), "{error}");
    }
    let rollup = ["--rollup", "http://127.0.0.1:1"];
    for (flags, said) in [
        (&["--safedb.backfill", "8d", "--safedb.backfill-from", "nodes"][..], "it takes two nodes that tell the same"),
        (&["--safedb.backfill", "8d"], "--safedb.backfill-from <WHO>"),
        (&["--safedb.backfill-from", "nodes-trusted"], "--safedb.backfill <TIME>"),
    ] {
        let error = run(&[&rollup[..], flags].concat());
        assert!(error.contains(said), "{error}");
    }
    assert!(!path.exists(), "nothing is made for nothing");
    std::fs::create_dir(&path).expect("a folder");
    std::fs::write(path.join("safe-heads.redb"), "not a database").expect("written");
    let error = run(&["--rollup", "http://127.0.0.1:1"]);
    assert!(error.contains("if it is damaged, move it away"), "{error}");
}

#[test]
fn an_empty_path_is_no_database() {
    let flags = ["config", "--network", "op-sepolia", "--l1", "ws://l1", "--l2", "http://l2", "--safedb.path", ""];
    let told = op_status(&flags, &[]);
    assert!(told.status.success(), "{}", text(&told.stderr));
}

#[test]
fn the_environment_is_read_as_others_write_it() {
    let base = ["config", "--network", "op-sepolia", "--l1", "ws://l1", "--rollup", "http://n,"];
    let told = |environment: &str| {
        let pairs: Vec<_> = environment.lines().filter_map(|line| line.split_once('=')).collect();
        op_status(&base, &pairs)
    };
    let blank = told(include_str!("../cases/env-blank.env"));
    assert_eq!(
        lines(&blank, &["port", "trustrpc"]),
        ["trustrpc = false # default", "port = 9545 # default", "port = 7300 # default"]
    );
    let bools = told(include_str!("../cases/env-bools.env"));
    let expected = [
        "trustrpc = true # environment OP_STATUS_L1_TRUST_RPC",
        "enabled = true # environment OP_STATUS_METRICS_ENABLED",
    ];
    assert_eq!(lines(&bools, &["trustrpc", "enabled"]), expected);
    let quoted = told("OP_STATUS_RPC_ADDR=\"127.0.0.1\"");
    assert_eq!(quoted.status.code(), Some(2));
    assert!(text(&quoted.stderr).starts_with("error: OP_STATUS_RPC_ADDR: the value stands in quotes"), "{quoted:?}");
}
