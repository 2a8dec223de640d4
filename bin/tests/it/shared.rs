//! The program against a simulated node on loopback.

use std::{net::SocketAddr, process::Output, time::Duration};

use devnet::{Faults, Listener, Node, Params, Requests, Role, World};
use status::Clock;
use tokio::{process::Command, time::timeout};

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
