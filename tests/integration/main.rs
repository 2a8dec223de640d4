//! The real wiring against real nodes, over sockets on ports of the system's choice.

mod nodes;
