//! What no real node does when it is told to: simulated nodes with faults, over real sockets.
