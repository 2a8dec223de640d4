//! The real wiring against real nodes, over sockets on ports of the system's choice.

mod backfill;
mod capped;
mod chain;
mod clients;
mod deploy;
mod doctor;
mod documents;
mod ethereumjs;
mod faults;
mod follow;
mod nodes;
mod output;
mod page;
mod reorg;
mod restart;
mod rollup_node;
mod rollup_nodes;
mod safe_heads;
mod silence;
mod simulated;
mod start;
mod votes;
