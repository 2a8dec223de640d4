//! The program against a simulated node on loopback.

use std::{
    net::SocketAddr,
    process::{Output, Stdio},
    time::Duration,
};

use devnet::{Faults, Listener, Node, Params, Requests, Role, World};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use status::Clock;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
    time::timeout,
};

/// Within this time after SIGTERM the program has ended, on a machine that is busy too.
const GRACE: Duration = Duration::from_secs(20);

/// Chains that began so many seconds ago and have grown until now.
pub(crate) fn world(age: u64, params: Params) -> World {
    let now = Clock::system().now().unix;
    let world = World::new(Params { genesis_time: now.as_secs() - age, ..params });
    world.advance(now);
    world
}

/// Chains with a block each second, the last of which is of now.
pub(crate) fn quick_world() -> World {
    let second = Duration::from_secs(1);
    world(60, Params { l1_block_time: second, l2_block_time: second, ..Params::default() })
}

/// A file with this text.
pub(crate) fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    file
}

/// A file with the rollup's configuration.
pub(crate) fn rollup_file(world: &World) -> NamedTempFile {
    file(&world.read(|chains| chains.rollup_config().to_string()))
}

/// A node whose newest L1 block is four seconds old, or a little more: the chain stands still from now on.
pub(crate) fn node(role: Role) -> Node {
    Node::new(world(400, Params::default()), role)
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
    get_with(address, path, "host: x").await
}

/// Gets a path with these headers.
pub(crate) async fn get_with(address: SocketAddr, path: &str, headers: &str) -> String {
    exchange(address, &format!("GET {path} HTTP/1.1\r\n{headers}\r\nconnection: close\r\n\r\n")).await
}

/// Calls a method without parameters; gives the body.
pub(crate) async fn call(address: SocketAddr, method: &str) -> Value {
    call_with(address, method, json!([])).await
}

/// Calls a method; gives the body.
pub(crate) async fn call_with(address: SocketAddr, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
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
    process: Child,
}

impl Server {
    /// Starts the command, which listens on a port of its choice.
    pub(crate) async fn start(mut command: Command) -> Self {
        let mut server = Self::spawn(command.stdout(Stdio::null()));
        server.address = server.address_in("serving RPC over HTTP and WebSocket").await;
        server
    }

    /// Starts the command, and waits for nothing.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        Self { address: SocketAddr::from(([0; 4], 0)), log: Vec::new(), lines, process }
    }

    /// The address in the line that says this, come or to come, in either format.
    pub(crate) async fn address_in(&mut self, part: &str) -> SocketAddr {
        let line = match self.log.iter().find(|line| line.contains(part)) {
            Some(line) => line.clone(),
            None => self.line(part).await,
        };
        let (_, address) = line.split_once("addr").expect("its address");
        let address = address.trim_start_matches(['"', ':', '=']);
        let end = address.find([' ', '"', ',', '}']).unwrap_or(address.len());
        address[..end].parse().expect("an address")
    }

    /// Whether it comes to serve; else it has ended.
    pub(crate) async fn serves(&mut self) -> bool {
        let said = async {
            while let Some(line) = self.lines.next_line().await.expect("text") {
                self.log.push(line.clone());
                if line.contains("serving RPC over HTTP and WebSocket") {
                    return true;
                }
            }
            false
        };
        timeout(Duration::from_secs(60), said).await.expect("it serves or ends")
    }

    /// The exit code of one that ends by itself.
    pub(crate) async fn ended(mut self) -> Option<i32> {
        timeout(GRACE, self.process.wait()).await.expect("it ends").expect("it is our child").code()
    }

    /// The process.
    pub(crate) fn pid(&self) -> Pid {
        let id = self.process.id().expect("it runs");
        Pid::from_raw(id.cast_signed()).expect("no process has the number zero")
    }

    /// Asks it to end (SIGTERM), and gives its exit code; none if the signal killed it.
    pub(crate) async fn end(mut self) -> Option<i32> {
        kill_process(self.pid(), Signal::TERM).expect("it runs");
        let drain = async {
            while let Ok(Some(line)) = self.lines.next_line().await {
                self.log.push(line)
            }
        };
        let (ended, ()) = timeout(GRACE, async { tokio::join!(self.process.wait(), drain) }).await.expect("it ends");
        ended.expect("it is our child").code()
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
        timeout(Duration::from_secs(60), found)
            .await
            .unwrap_or_else(|_| panic!("no {part:?} in the log:\n{}", self.log.join("\n")))
    }
}
