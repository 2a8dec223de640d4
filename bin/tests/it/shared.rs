//! The program against a simulated node on loopback.

use std::{
    net::SocketAddr,
    process::{Output, Stdio},
    time::Duration,
};

use devnet::{Faults, Listener, Node, Params, Requests, Role, World};
use serde_json::{Value, json};
use status::Clock;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
    time::timeout,
};

/// A node whose newest L1 block is four seconds old, or a little more: the chain stands still from now on.
pub(crate) fn node(role: Role) -> Node {
    let now = Clock::system().now().unix;
    let world = World::new(Params { genesis_time: now.as_secs() - 400, ..Params::default() });
    world.advance(now);
    Node::new(world, role)
}

/// A healthy rollup node.
pub(crate) fn op_node() -> Node {
    node(Role::RollupNode)
}

/// A rollup node whose requests end thus.
pub(crate) fn failing(requests: Requests) -> Node {
    let node = op_node();
    node.set(Faults { requests, ..Faults::default() });
    node
}

/// Runs the program with these arguments and without what the environment says.
pub(crate) fn op_status(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_op-status"));
    command.args(args).env_clear().kill_on_drop(true);
    command
}

/// What the command prints and how it ends.
pub(crate) async fn output(mut command: Command) -> Output {
    timeout(Duration::from_secs(60), command.output()).await.expect("it ends by itself").expect("the program starts")
}

/// Serves the node on loopback while `ask` runs with its address.
pub(crate) async fn serving<R>(node: &Node, ask: impl AsyncFnOnce(SocketAddr) -> R) -> R {
    let listener = Listener::bind(node.clone(), SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
    let address = listener.address();
    tokio::select! {
        () = listener.serve(std::future::pending()) => unreachable!("it serves for ever"),
        answer = ask(address) => answer,
    }
}

/// One HTTP exchange with the server, headers included. Of a stream that does not end, what comes before a pause.
pub(crate) async fn exchange(address: SocketAddr, request: &str) -> String {
    const PAUSE: Duration = Duration::from_millis(500);
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    let first = timeout(Duration::from_secs(60), stream.read_buf(&mut answer)).await.expect("it answers");
    let mut read = first.expect("it answers");
    while read > 0 {
        // Some server-sent events never end.
        let Ok(more) = timeout(PAUSE, stream.read_buf(&mut answer)).await else { break };
        read = more.expect("it answers to the end");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Gets a path.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    exchange(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await
}

/// Calls a method without parameters; gives the body.
pub(crate) async fn call(address: SocketAddr, method: &str) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [] }).to_string();
    let head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json";
    let answer = exchange(address, &format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).expect("JSON")
}

/// The program while it serves, and what it has logged.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) log: Vec<String>,
    lines: Lines<BufReader<ChildStderr>>,
    _process: Child,
}

impl Server {
    /// Starts the command, which listens on a port of its choice.
    pub(crate) async fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        let address = SocketAddr::from(([0; 4], 0));
        let mut server = Self { address, log: Vec::new(), lines, _process: process };
        let line = server.line("serving RPC over HTTP and WebSocket").await;
        let (_, port) = line.split_once("127.0.0.1:").expect("its address");
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        server.address = SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")));
        server
    }

    /// Waits for a line that says this.
    pub(crate) async fn line(&mut self, part: &str) -> String {
        let found = async {
            loop {
                let line = self.lines.next_line().await.expect("text").expect("it does not end");
                self.log.push(line.clone());
                if line.contains(part) {
                    return line;
                }
            }
        };
        timeout(Duration::from_secs(60), found).await.unwrap_or_else(|_| panic!("no {part:?} in the log"))
    }
}
