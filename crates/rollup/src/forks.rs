//! The forks of the OP Stack, in their order.

use crate::RollupConfig;

/// The key of each fork in a rollup.json. `interop_time` stands outside: under that name the fork was never part of the
/// order, and interop devnets set it without the forks that came in between.
pub(crate) const FORKS: [&str; 11] = [
    "regolith_time",
    "canyon_time",
    "delta_time",
    "ecotone_time",
    "fjord_time",
    "granite_time",
    "holocene_time",
    "isthmus_time",
    "jovian_time",
    "karst_time",
    "lagoon_time",
];

impl RollupConfig {
    /// The key of each fork, and when it is activated.
    pub fn forks(&self) -> [(&'static str, Option<u64>); FORKS.len()] {
        let times = [
            self.regolith_time,
            self.canyon_time,
            self.delta_time,
            self.ecotone_time,
            self.fjord_time,
            self.granite_time,
            self.holocene_time,
            self.isthmus_time,
            self.jovian_time,
            self.karst_time,
            self.lagoon_time,
        ];
        std::array::from_fn(|index| (FORKS[index], times[index]))
    }
}
