//! What all runs together have seen: faults by kind, and how much was judged.

use std::{collections::BTreeMap, fmt};

use crate::{
    ill::Ill,
    oracle::Judged,
    plan::{Plan, What},
    run::Outcome,
};

/// Sums over runs.
#[derive(Debug, Default)]
pub struct Tally {
    /// How often each kind of fault was injected, by what it was injected into.
    pub faults: BTreeMap<(&'static str, String), u64>,
    /// How much was judged.
    pub judged: Judged,
    /// How many runs were well in the end, and judged to be.
    pub recoveries: u64,
}

impl Tally {
    /// Adds a run.
    pub fn add(&mut self, plan: &Plan, outcome: &Outcome) {
        if let Some(scene) = &plan.scene {
            *self.faults.entry(("world", name(scene))).or_default() += 1;
        }
        for fault in &plan.faults {
            for kind in kinds(&fault.what) {
                *self.faults.entry(kind).or_default() += 1;
            }
        }
        self.judged += outcome.judged;
        self.recoveries += u64::from(outcome.recovered);
    }
}

fn kinds(what: &What) -> Vec<(&'static str, String)> {
    let of = |into, ill: &Ill| match ill {
        Ill::Twisted(twists) => twists.iter().map(|twist| (into, format!("Twisted {}", name(&twist.how)))).collect(),
        ill => vec![(into, name(ill))],
    };
    match what {
        What::L1(_, ill) => of("l1", ill),
        What::Node(_, ill) => of("node", ill),
        What::Nodes(ill) => of("all nodes", ill),
        What::Client(ill) => of("client", ill),
        What::ReorgL1 { depth, length } => {
            let kind = if length < depth { "shorter" } else { "as long or longer" };
            vec![("chain", format!("ReorgL1 {kind}"))]
        }
        What::HangDisk => vec![("server", name(what))],
        What::Kill(0) => vec![("server", "Kill".into())],
        What::Kill(_) => vec![("server", "Kill and skew the clock".into())],
        what => vec![("chain", name(what))],
    }
}

/// The name of a variant.
fn name(variant: &impl fmt::Debug) -> String {
    format!("{variant:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for ((into, kind), count) in &self.faults {
            match before == *into {
                true => write!(f, ", {kind} {count}")?,
                false if before.is_empty() => write!(f, "{into}: {kind} {count}")?,
                false => write!(f, "\n{into}: {kind} {count}")?,
            }
            before = into;
        }
        write!(f, "\njudged: {}, recoveries {}", self.judged, self.recoveries)
    }
}
