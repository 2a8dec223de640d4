//! The exposition as its readers see it: parsers, op-node's dashboards, ours, the alarms, and a scraper on loopback.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod cardinality;
mod dashboards;
mod fixture;
mod scrape;
mod text;
mod values;
