//! `--max-lag [REF=]BLOCKS|TIME`.

use std::{str::FromStr, time::Duration};

/// How far one ref of the status may be behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The ref, by its name in the status.
    pub label: &'static str,
    /// The head of the same chain.
    pub head: &'static str,
    /// How far.
    pub limit: Distance,
}

/// A distance from the head of the chain, or from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// Blocks below that head.
    Blocks(u64),
    /// Age of the block's timestamp.
    Age(Duration),
}

/// The refs that can lag, and the head that each is measured against.
const REFS: [(&str, &str); 8] = [
    ("head_l1", "head_l1"),
    ("safe_l1", "head_l1"),
    ("finalized_l1", "head_l1"),
    ("current_l1", "head_l1"),
    ("unsafe_l2", "unsafe_l2"),
    ("local_safe_l2", "unsafe_l2"),
    ("safe_l2", "unsafe_l2"),
    ("finalized_l2", "unsafe_l2"),
];

impl FromStr for Lag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, limit) = text.split_once('=').unwrap_or(("safe_l2", text));
        let Some((label, head)) = REFS.into_iter().find(|(label, _)| *label == name) else {
            return Err(format!("the refs are {}", REFS.map(|(label, _)| label).join(", ")));
        };
        let limit = match limit.parse() {
            Ok(_) if label == head => return Err(format!("{label} is a head, so it lags by time only (30s)")),
            Ok(blocks) => Distance::Blocks(blocks),
            Err(_) => {
                Distance::Age(humantime::parse_duration(limit).map_err(|_| "write blocks (300) or a time (10m)")?)
            }
        };
        Ok(Self { label, head, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_blocks_or_a_time() {
        #[track_caller]
        fn check(text: &str, expected: Result<(&str, Distance), &str>) {
            let lag = text.parse::<Lag>();
            assert_eq!(lag.as_ref().map(|lag| (lag.label, lag.limit)).map_err(String::as_str), expected);
        }
        check("300", Ok(("safe_l2", Distance::Blocks(300))));
        check("10m", Ok(("safe_l2", Distance::Age(Duration::from_secs(600)))));
        check("current_l1=0", Ok(("current_l1", Distance::Blocks(0))));
        check("unsafe_l2=30s", Ok(("unsafe_l2", Distance::Age(Duration::from_secs(30)))));
        check("unsafe_l2=3", Err("unsafe_l2 is a head, so it lags by time only (30s)"));
        check("safe_l2=", Err("write blocks (300) or a time (10m)"));
        check("-1", Err("write blocks (300) or a time (10m)"));
        let names =
            "the refs are head_l1, safe_l1, finalized_l1, current_l1, unsafe_l2, local_safe_l2, safe_l2, finalized_l2";
        check("safe=3", Err(names));
    }
}
