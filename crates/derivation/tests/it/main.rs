//! Derivation as a whole: real data, other implementations, and a second deriver.

mod differential;
mod model;
mod simulated;
mod unichain;
mod vectors;
