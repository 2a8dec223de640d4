//! Whatever is put into URLs and files, it is neither logged nor served nor printed.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use devnet::{Faults, Node, Params, Requests, Role};
use tokio::{io::AsyncReadExt, time::timeout};

use crate::shared::{Server, call, file, get, get_with, op_status, output, serving, world};

/// In every secret below.
const SECRET: &str = "s3cr3t";

/// What is served to whoever asks.
const PATHS: [&str; 8] =
    ["/", "/status", "/events", "/events?meta=true", "/healthz", "/readyz", "/metrics", "/nothing"];

/// A URL with a secret wherever one may stand.
fn url(scheme: &str, address: SocketAddr) -> String {
    format!("{scheme}://{SECRET}-user:{SECRET}-password@{address}/{SECRET}-path?{SECRET}-key={SECRET}-query")
}

#[track_caller]
fn check(what: &str, text: &str) {
    assert!(!text.contains(SECRET), "{what} shows a secret: {text}");
}

/// The upstreams: two of L1, an execution client, a rollup node; and one that throws our own words back at us.
struct Upstreams {
    l1: [Node; 2],
    client: Node,
    node: Node,
    echo: Node,
}

impl Upstreams {
    fn new() -> Self {
        let world = world(400, Params::default());
        let make = |role| Node::new(world.clone(), role);
        let echo = make(Role::L1);
        let message =
            format!("no access for {SECRET}-user:{SECRET}-password at /{SECRET}-path?{SECRET}-key={SECRET}-query");
        echo.set(Faults { requests: Requests::Error { code: -32000, message }, ..Faults::default() });
        Self {
            l1: [make(Role::L1), make(Role::L1)],
            client: make(Role::ExecutionClient),
            node: make(Role::RollupNode),
            echo,
        }
    }

    /// Serves all of them while `play` runs with their URLs: L1, L1, echo, client, node.
    async fn serving<R>(&self, play: impl AsyncFnOnce([String; 5]) -> R) -> R {
        serving(&self.l1[0], async |a| {
            serving(&self.l1[1], async |b| {
                serving(&self.echo, async |echo| {
                    serving(&self.client, async |client| {
                        serving(&self.node, async |node| {
                            play([
                                url("ws", a),
                                url("http", b),
                                url("http", echo),
                                url("http", client),
                                url("http", node),
                            ])
                            .await
                        })
                        .await
                    })
                    .await
                })
                .await
            })
            .await
        })
        .await
    }
}

async fn play(format: &str) {
    let upstreams = Upstreams::new();
    let rollup = file(&upstreams.node.world().read(|chains| chains.rollup_config().to_string()));
    let jwt = file("5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2");
    upstreams
        .serving(async |[a, b, echo, client, node]| {
            let config = file(&format!(
                "rollup.config = {:?}\n[l1]\nurl = [{a:?}, {b:?}]\n[l2]\njwt-secret = {:?}\n[rpc]\nport = 0\n\
                 [metrics]\non-rpc = true\n[log]\nlevel = 'trace'\nformat = '{format}'\n",
                rollup.path(),
                jwt.path(),
            ));
            let with = |args: &[&str]| {
                let mut command = op_status(args);
                command.env("OP_STATUS_CONFIG", config.path()).env("OP_STATUS_L2_ENGINE_RPC", &client);
                command
            };
            let followers = format!("echo={echo}");
            let upstream_flags = [
                "--rollup",
                &node,
                "--rollup.follower",
                &followers,
                "--rollup.current-l1=origin",
                "--sequencer",
                &echo,
            ];
            let own_port = ["--metrics.enabled", "--metrics.port", "0"];
            let mut server =
                Server::spawn(with(&[&["run"], &upstream_flags[..], &own_port].concat()).stdout(Stdio::null()));
            server.address = server.address_in("serving RPC over HTTP and WebSocket").await;
            let metrics = server.address_in("serving metrics").await;
            server.line("ready").await;
            // Each kind of failure has words of its own.
            upstreams.l1[0]
                .set(Faults { requests: Requests::Http { status: 401, retry_after: None }, ..Faults::default() });
            upstreams.l1[0].cut();
            upstreams.l1[1].set(Faults { requests: Requests::Body(format!("<{SECRET}-path>")), ..Faults::default() });
            upstreams.node.set(Faults::dead());
            while call(server.address, "opstatus_sources").await["result"].to_string().matches("unreachable").count()
                < 4
            {}

            let methods = call(server.address, "rpc.discover").await["result"]["methods"].clone();
            let methods: Vec<_> =
                methods.as_array().expect("a list").iter().filter_map(|it| it["name"].as_str()).collect();
            assert!(methods.contains(&"optimism_syncStatus") && methods.contains(&"opstatus_sources"), "{methods:?}");
            assert!(methods.contains(&"admin_sequencerActive"), "{methods:?}");
            for method in methods {
                check(method, &call(server.address, method).await.to_string());
            }
            // Now that they were asked.
            let sources = call(server.address, "opstatus_sources").await["result"].to_string();
            assert!(sources.contains("\"sequencer\""), "{sources}");
            check("the sequencers", &sources);
            for path in PATHS {
                check(path, &get(server.address, path).await);
            }
            for (address, path, accept) in
                [(server.address, "/", "text/html"), (metrics, "/metrics", "*/*"), (metrics, "/nothing", "*/*")]
            {
                let answer = get_with(address, path, &format!("host: x\r\naccept: {accept}")).await;
                assert!(accept != "text/html" || answer.contains("<html"), "it is no page: {answer}");
                check(&format!("{path} as {accept}"), &answer);
            }
            for asked in [&node, &echo, &url("http", server.address), &url("ws", server.address)] {
                check("watch", &watched(asked).await);
            }
            upstreams.node.set(Faults::default());
            server.line("live").await;
            check("the log", &server.log.join("\n"));
            jwt_is_hidden(&server.log.join("\n"));

            for args in [&["config"][..], &["doctor"], &["doctor", "--json"]] {
                let told = output(with(&[args, &upstream_flags[..]].concat())).await;
                let text =
                    format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
                assert!(text.contains("127.0.0.1"), "{args:?}: {text}");
                check(args[0], &text);
                jwt_is_hidden(&text);
            }
            for args in [&["get"][..], &["get", "--json"], &["check"]] {
                for asked in [&node, &echo, &url("http", server.address)] {
                    let told = output(op_status(&[args, &["--rpc", asked]].concat())).await;
                    check(args[0], &format!("{told:?}"));
                }
            }
        })
        .await;
}

/// What `watch` prints within a second of its first words, in both forms.
async fn watched(url: &str) -> String {
    let mut told = String::new();
    for form in [&[][..], &["--json"]] {
        let mut command = op_status(&[&["watch", "--rpc", url, "--poll-interval", "50ms"], form].concat());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut out = process.stdout.take().expect("piped");
        let mut bytes = Vec::new();
        let first = timeout(Duration::from_secs(60), out.read_buf(&mut bytes)).await.expect("it says something");
        assert!(first.expect("it is read") > 0, "{url}");
        while let Ok(Ok(1..)) = timeout(Duration::from_secs(1), out.read_buf(&mut bytes)).await
            && bytes.len() < 10_000
        {}
        process.kill().await.expect("it runs");
        process.stderr.take().expect("piped").read_to_end(&mut bytes).await.expect("it is read");
        told.push_str(&String::from_utf8_lossy(&bytes));
    }
    told
}

fn jwt_is_hidden(text: &str) {
    assert!(!text.contains("5ec2e75ec2e7"), "{text}");
}

#[tokio::test]
async fn nothing_that_runs_shows_a_secret() {
    play("text").await;
}

#[tokio::test]
async fn nothing_that_runs_shows_a_secret_in_json() {
    play("json").await;
}

/// Wrong usage is told without quoting what may be a secret.
#[tokio::test]
async fn no_refusal_shows_a_secret() {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let secret = url("http", address);
    let broken = secret.replacen("http", "gopher", 1);
    let jwt = file(&format!("{SECRET} is no hex"));
    let jwt = jwt.path().to_str().expect("a path");
    let files = [
        format!("l1.url = '{secret}"),
        format!("l1.url = [[{secret:?}]]"),
        format!("rpc.port = {secret:?}"),
        format!("log.level = '{SECRET}'"),
        format!("l1.trustrpc = '{SECRET}'"),
    ]
    .map(|text| file(&text));
    let run = ["run", "--network", "op-mainnet", "--l2", "http://127.0.0.1:1"];
    let mut refused: Vec<Vec<&str>> = vec![
        vec!["--l1", &broken],
        vec!["--l1", SECRET],
        vec!["--l1", &secret, "--l2", &secret],
        vec!["--l1", &secret, "--l1", &secret],
        vec!["--l1", &secret, "--l2.jwt-secret", jwt],
        vec!["--l1", &secret, &secret],
        vec!["--l1", &secret, "--l9", &secret],
        vec!["--l1", &secret, "--rpc.addr", &secret],
    ];
    refused.extend(files.iter().map(|file| vec!["--config", file.path().to_str().expect("a path")]));
    for args in refused {
        let told = output(op_status(&[&run[..], &args].concat())).await;
        let text = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
        assert_eq!(told.status.code(), Some(2), "{args:?}: {text}");
        check(&format!("{args:?}"), &text);
    }
    let mut help = op_status(&["run", "--help"]);
    help.env("OP_STATUS_L1_ETH_RPC", &secret).env("OP_STATUS_ROLLUP", &secret);
    check("help", &String::from_utf8_lossy(&output(help).await.stdout));
}
