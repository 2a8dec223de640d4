//! What the machine may do to the program: no disk, no port, no socket yet, another address family, and SIGTERM at any
//! moment. Descriptors that run out are a case of `tests/hostile`.

use std::{
    net::{Ipv6Addr, SocketAddr, TcpListener},
    time::Duration,
};

use devnet::{Listener, Node, Role, World};
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};
use status::Clock;
use tempfile::{NamedTempFile, TempDir};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    process::Command,
    time::{interval, sleep, timeout},
};

use crate::shared::{Server, call, call_with, exchange, get, get_with, op_status, output, quick_world, rollup_file};

/// Chains that grow once a second, an L1 and a rollup node, and a folder for the database.
struct Site {
    world: World,
    rollup: NamedTempFile,
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let world = quick_world();
        let rollup = rollup_file(&world);
        Self { world, rollup, folder: tempfile::tempdir().expect("a folder") }
    }

    /// Serves its nodes on an address while `play` runs with the flags that name them.
    async fn serving<R>(&self, ip: &str, play: impl AsyncFnOnce(Vec<String>) -> R) -> R {
        let bind = async |role| {
            let address = SocketAddr::new(ip.parse().expect("an address"), 0);
            Listener::bind(Node::new(self.world.clone(), role), address).await.expect("a port")
        };
        let (l1, node) = (bind(Role::L1).await, bind(Role::RollupNode).await);
        let rollup = self.rollup.path().to_str().expect("a path");
        let flags = ["--rollup.config", rollup, "--l1", &l1.ws_url(), "--rollup", &node.http_url(), "--rpc.port", "0"];
        let flags = flags.map(str::to_owned).into();
        let grow = async {
            let mut tick = interval(Duration::from_millis(100));
            loop {
                tick.tick().await;
                self.world.advance(Clock::system().now().unix);
            }
        };
        tokio::select! {
            () = l1.serve(std::future::pending()) => unreachable!("it serves for ever"),
            () = node.serve(std::future::pending()) => unreachable!("it serves for ever"),
            never = grow => never,
            played = play(flags) => played,
        }
    }

    /// The flag that names its folder.
    fn safe_db(&self) -> [String; 2] {
        ["--safedb.path".into(), self.folder.path().to_str().expect("a path").into()]
    }
}

/// The program with these arguments, by way of a shell that says this first. A limit on files sends a signal besides
/// the error; a full disk does not, so the signal is ignored.
fn after(preparation: &str, args: &[String]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("trap '' XFSZ; {preparation}; exec \"$0\" \"$@\"")]);
    command.arg(env!("CARGO_BIN_EXE_op-status")).args(args).env_clear().kill_on_drop(true);
    command
}

fn run(flags: &[&[String]]) -> Vec<String> {
    [&["run".to_owned()], flags.concat().as_slice()].concat()
}

/// Asks until something is so, at most a minute.
async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            match ask().await {
                Some(found) => return found,
                None => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(Duration::from_secs(60), found).await.unwrap_or_else(|_| panic!("not within a minute: {what}"))
}

async fn current_l1(server: SocketAddr) -> u64 {
    call(server, "optimism_syncStatus").await["result"]["current_l1"]["number"].as_u64().expect("a number")
}

async fn safe_head(server: SocketAddr, number: u64) -> Value {
    call_with(server, "optimism_safeHeadAtL1Block", json!([format!("{number:#x}")])).await
}

/// The program ends with this code and says this.
async fn fails(command: Command, code: i32, parts: &[&str]) {
    let told = output(command).await;
    let text = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(code), "{text}");
    assert!(parts.iter().all(|part| text.contains(part)), "{parts:?}: {text}");
}

/// While nothing can be written the status goes on and safe heads are errors; then the database is opened again, without
/// a restart, and has no gap.
#[tokio::test]
async fn a_disk_that_is_full_for_a_while() {
    let site = Site::new();
    site.serving("127.0.0.1", async |flags| {
        let limit = |pid, current| {
            let maximum = getrlimit(Resource::Fsize).maximum;
            prlimit(Some(pid), Resource::Fsize, Rlimit { current, maximum }).expect("it is our child");
        };
        let args = run(&[&flags, &site.safe_db(), &["--metrics.on-rpc".into()]]);
        let mut server = Server::start(after("true", &args)).await;
        let (address, pid) = (server.address, server.pid());
        let answered = async || {
            let derived = current_l1(address).await;
            safe_head(address, derived.checked_sub(1)?).await.get("result").map(|_| derived - 1)
        };
        let first = until("a safe head is answered", answered).await;
        limit(pid, Some(0));
        let told = server.line("the safe head database failed").await;
        assert!(told.contains("File too large"), "{told}");
        let before = current_l1(address).await;
        until("the status goes on", async || (current_l1(address).await > before + 1).then_some(())).await;
        let refused = safe_head(address, first).await["error"]["message"].to_string();
        assert!(refused.contains("could not be written"), "{refused}");
        let metrics = get(address, "/metrics").await;
        assert!(metrics.contains("op_status_safe_db_writes_total{result=\"failed\"} 1\n"), "{metrics}");
        limit(pid, getrlimit(Resource::Fsize).current);
        server.line("the safe head database is written again").await;
        let last = until("a safe head is answered again", answered).await;
        assert!(last > before);
        for number in first..=last {
            let truth = site.world.read(|chains| chains.safe_head_at(number)).expect("it is derived");
            assert_eq!(safe_head(address, number).await["result"], json!(truth), "at {number}");
        }
        let failures = server.log.iter().filter(|line| line.contains("the safe head database failed")).count();
        assert_eq!(failures, 1, "told once");
        assert_eq!(server.end().await, Some(0));
    })
    .await;
}

/// The disk is full, or is no place to write, before anything is served.
#[tokio::test]
async fn a_database_that_cannot_be_written_at_the_start() {
    let site = Site::new();
    site.serving("127.0.0.1", async |flags| {
        let file = site.folder.path().join("safe-heads.redb");
        let args = run(&[&flags, &site.safe_db()]);
        fails(after("ulimit -f 0", &args), 1, &[file.to_str().expect("a path"), "cannot be written", "File too large"])
            .await;
        // Whoever runs the tests may write wherever modes forbid it, but not there.
        let proc = ["--safedb.path".to_owned(), "/proc/op-status".to_owned()];
        fails(op_status(&strings(&run(&[&flags, &proc]))), 1, &["cannot make the folder /proc/op-status"]).await;
        // Nothing is left behind that would be in the way.
        let server = Server::start(op_status(&strings(&args))).await;
        // One process has it, until it ends.
        fails(op_status(&strings(&args)), 1, &["is in use by another process"]).await;
        assert_eq!(server.end().await, Some(0));
    })
    .await;
}

/// What may be there later ends the program so that it is started again; what is there and wrong does not.
#[tokio::test]
async fn files_that_are_not_there_yet() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path");
    let later = format!("{path}/later");
    let upstreams = ["run", "--l1", "http://127.0.0.1:1", "--l2", "http://127.0.0.1:1"];
    // What a shell of Windows writes.
    let utf16 = format!("{path}/utf16.json");
    std::fs::write(&utf16, b"\xff\xfe{\0}\0").expect("written");
    for (flags, code, said) in [
        (&["--rollup.config", utf16.as_str()][..], 2, "save it as UTF-8"),
        (&["--rollup.config", later.as_str()], 1, "o such file"),
        (&["--rollup.config", path], 2, "docker makes a folder where the file that is to be mounted does not exist"),
        (&["--network", "op-mainnet", "--l2.jwt-secret", &later], 1, "o such file"),
        (&["--network", "op-mainnet", "--upstream.ca-file", &later], 1, "o such file"),
        (&["--config", &later], 1, "o such file"),
        (&["--config", path], 2, "directory"),
    ] {
        let mut program = op_status(&[&upstreams[..], flags].concat());
        program.env("OP_STATUS_RPC_PORT", "0");
        fails(program, code, &[said]).await;
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let upstreams = ["run", "--network", "op-mainnet", "--l1", "http://127.0.0.1:1", "--l2", "http://127.0.0.1:1"];
    for flags in [&["--rpc.port", &port][..], &["--rpc.port", "0", "--metrics.enabled", "--metrics.port", &port]] {
        fails(op_status(&[&upstreams[..], flags].concat()), 1, &[&format!("127.0.0.1:{port}"), "in use"]).await;
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_the_limit_that_is_given() {
    let upstreams = ["run", "--network", "op-mainnet", "--l1", "http://127.0.0.1:1", "--l2", "http://127.0.0.1:1"];
    let flags = ["--rpc.port", "0", "--rpc.idle-timeout", "300ms"];
    let server = Server::start(op_status(&[&upstreams[..], &flags].concat())).await;
    let mut idle = tokio::net::TcpStream::connect(server.address).await.expect("it listens");
    let closed = timeout(Duration::from_secs(60), idle.read(&mut [0; 1])).await.expect("the limit is shorter");
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    assert_eq!(server.end().await, Some(0));
}

#[tokio::test]
async fn over_ipv6() {
    let site = Site::new();
    site.serving("::1", async |flags| {
        let more = ["--rpc.addr=::1", "--metrics.enabled", "--metrics.addr=::1", "--metrics.port=0"].map(str::to_owned);
        let mut server = Server::spawn(&mut op_status(&strings(&run(&[&flags, &more]))));
        let metrics = server.address_in("serving metrics").await;
        server.address = server.address_in("serving RPC over HTTP and WebSocket").await;
        server.line(" ready").await;
        let port = server.address.port();
        assert_eq!((server.address.ip(), metrics.ip()), (Ipv6Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()));
        for host in [&format!("[::1]:{port}"), "[::1]", "localhost"] {
            let answer = get_with(server.address, "/status", &format!("host: {host}")).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{host}");
        }
        assert!(get(metrics, "/metrics").await.contains("op_status_ready 1"));
        let sources = call(server.address, "opstatus_sources").await["result"].to_string();
        assert!(sources.contains("\"ws://[::1]:") && sources.contains("\"http://[::1]:"), "{sources}");
        let told = output(op_status(&["check", "--rpc", &format!("http://[::1]:{port}")])).await;
        assert_eq!(told.status.code(), Some(0), "{told:?}");
        assert_eq!(server.end().await, Some(0));
    })
    .await;
}

/// A socket file that is not there is named, and found when it comes.
#[tokio::test]
async fn a_unix_socket_that_comes_later() {
    let site = Site::new();
    let path = site.folder.path().join("geth.ipc");
    let client = Listener::bind(Node::new(site.world.clone(), Role::ExecutionClient), ([127, 0, 0, 1], 0).into());
    let client = client.await.expect("a port");
    let to = client.address();
    let play = site.serving("127.0.0.1", async |mut flags| {
        let rollup = flags.iter().position(|flag| flag == "--rollup").expect("it is there");
        flags.splice(rollup..rollup + 2, ["--l2".to_owned(), path.to_str().expect("a path").to_owned()]);
        let mut server = Server::spawn(&mut op_status(&strings(&run(&[&flags]))));
        let told = server.line("unreachable").await;
        assert!(told.contains(&format!("ipc:{}", path.display())) && told.contains("o such file"), "{told}");
        let listener = UnixListener::bind(&path).expect("a socket");
        tokio::select! {
            never = bridge(&listener, to) => never,
            _ = server.line(" ready") => {}
        }
        // Gone again, and back under the same name.
        drop(listener);
        server.line("unreachable").await;
        std::fs::remove_file(&path).expect("it is there");
        let listener = UnixListener::bind(&path).expect("a socket");
        tokio::select! {
            never = bridge(&listener, to) => never,
            _ = server.line("state=\"live\"") => {}
        }
        assert_eq!(server.end().await, Some(0));
    });
    tokio::select! {
        () = client.serve(std::future::pending()) => unreachable!("it serves for ever"),
        () = play => {}
    }
}

/// Passes on what is asked over a Unix socket, one connection after the other.
async fn bridge(listener: &UnixListener, to: SocketAddr) -> ! {
    loop {
        let (stream, _) = listener.accept().await.expect("it listens");
        pass_on(stream, to).await;
    }
}

async fn pass_on(mut stream: UnixStream, to: SocketAddr) {
    let mut bytes = Vec::new();
    while stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
        let mut requests = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
        let whole: Vec<_> = requests.by_ref().map_while(Result::ok).collect();
        let rest = requests.byte_offset();
        bytes.drain(..rest);
        for request in whole {
            let body = request.to_string();
            let head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json";
            let answer = exchange(to, &format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
            let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
            if stream.write_all(body.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// From its first word on: while it reads its configuration and its database, connects, checks, serves and writes.
#[tokio::test]
async fn terminated_at_any_moment() {
    let site = Site::new();
    site.serving("127.0.0.1", async |flags| {
        let trace = ["--log.level".to_owned(), "trace".to_owned()];
        let args = run(&[&flags, &site.safe_db(), &trace]);
        let moments = ["", "serving RPC", "verifying", "live", "the status is complete", " ready", "L1 head"];
        for (round, moment) in moments.iter().cycle().take(2 * moments.len()).enumerate() {
            let mut server = Server::spawn(&mut op_status(&strings(&args)));
            server.line(moment).await;
            // Anywhere within the next steps, too.
            sleep(Duration::from_millis(round as u64 / 7 * (round as u64 * 13 % 40))).await;
            assert_eq!(server.end().await, Some(0), "round {round}, at {moment:?}");
        }
        let mut server = Server::start(op_status(&strings(&args))).await;
        server.line(" ready").await;
        let address = server.address;
        let derived = until("a safe head is answered", async || {
            let derived = current_l1(address).await;
            safe_head(address, derived.checked_sub(1)?).await.get("result").map(|_| derived)
        })
        .await;
        for number in 0..derived {
            if let Some(found) = safe_head(address, number).await.get("result") {
                let truth = site.world.read(|chains| chains.safe_head_at(number)).expect("it is derived");
                assert_eq!(*found, json!(truth), "at {number}");
            }
        }
        assert_eq!(server.end().await, Some(0));
    })
    .await;
}

/// Whoever resolves a name waits for as long as a name server likes. glibc reads the file that `HOSTALIASES` names before it
/// asks one, and a pipe into which nobody writes has no end.
#[cfg(target_env = "gnu")]
#[tokio::test]
async fn terminated_while_a_name_is_being_resolved() {
    let folder = tempfile::tempdir().expect("a folder");
    let aliases = folder.path().join("aliases");
    assert!(Command::new("mkfifo").arg(&aliases).status().await.expect("mkfifo").success());
    let mut program = op_status(
        &[
            &["run", "--network", "op-mainnet", "--l1", "http://someone:1"][..],
            &["--l2", "http://someone:2", "--rpc.port", "0"],
        ]
        .concat(),
    );
    program.env("HOSTALIASES", &aliases);
    let server = Server::start(program).await;
    // It can be opened once somebody reads it.
    let open = async || tokio::net::unix::pipe::OpenOptions::new().open_sender(&aliases).ok();
    let writer = until("the name is being resolved", open).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(server.end().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(6), "it took {:?}", begun.elapsed());
    drop(writer);
}

fn strings(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}
