//! Derivation as a whole: real data, other implementations, and a second deriver.

mod vectors;
