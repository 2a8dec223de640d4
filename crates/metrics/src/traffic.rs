//! Calls: those of clients, and those to endpoints.

use std::{collections::BTreeMap, fmt};

use status::Layer;
use upstream::MethodTraffic;

use crate::{
    exposition::Scrape,
    families::{
        CLIENT_DURATION, CLIENT_REQUESTS, CLIENT_RESPONSES, ENDPOINT_FAILURES, ENDPOINT_REQUESTS, SERVER_DURATION,
        SERVER_REQUESTS,
    },
    page::Page,
};

pub(crate) fn write(scrape: &Scrape<'_>, page: &mut Page<'_>) -> fmt::Result {
    let calls: Vec<_> =
        scrape.from.counters.calls.iter().map(|(method, calls)| (method, calls.seconds(), calls.buckets())).collect();
    let requests = |buckets: &[u64]| buckets.iter().sum::<u64>() as f64;
    page.family(&SERVER_REQUESTS, calls.iter().map(|(method, _, buckets)| ([*method], requests(buckets))))?;
    let durations = calls.iter().map(|(method, seconds, buckets)| ([*method], *seconds, *buckets));
    page.histograms(&SERVER_DURATION, &rpc::BUCKETS, durations)?;

    let endpoints: Vec<_> =
        scrape.from.endpoints.iter().map(|(layer, endpoint)| (*layer, endpoint.name(), endpoint.traffic())).collect();
    let methods = together(endpoints.iter().flat_map(|(_, _, traffic)| traffic));
    page.family(&CLIENT_REQUESTS, methods.iter().map(|(method, it)| ([*method], it.requests as f64)))?;
    let durations = methods.iter().map(|(method, it)| ([*method], it.seconds, it.buckets));
    page.histograms(&CLIENT_DURATION, &upstream::BUCKETS, durations)?;
    let responses = methods.iter().flat_map(|(method, it)| {
        it.outcomes.iter().map(move |(outcome, count)| ([*method, outcome.as_str()], *count as f64))
    });
    page.family(&CLIENT_RESPONSES, responses)?;

    let per_endpoint = |count: fn(&MethodTraffic) -> u64| {
        endpoints.iter().map(move |(layer, name, traffic)| {
            ([layer_name(*layer), *name], traffic.values().map(count).sum::<u64>() as f64)
        })
    };
    page.family(&ENDPOINT_REQUESTS, per_endpoint(|it| it.requests))?;
    let failed = |it: &MethodTraffic| it.outcomes.iter().filter(|(name, _)| *name != "<nil>").map(|(_, n)| n).sum();
    page.family(&ENDPOINT_FAILURES, per_endpoint(failed))
}

/// The traffic of all endpoints by method.
fn together<'a>(
    traffic: impl Iterator<Item = (&'a &'static str, &'a MethodTraffic)>,
) -> BTreeMap<&'static str, MethodTraffic> {
    let mut methods: BTreeMap<&'static str, MethodTraffic> = BTreeMap::new();
    for (method, one) in traffic {
        let all = methods.entry(method).or_default();
        all.requests += one.requests;
        all.seconds += one.seconds;
        for (all, one) in all.buckets.iter_mut().zip(one.buckets) {
            *all += one;
        }
        for (outcome, count) in &one.outcomes {
            *all.outcomes.entry(outcome.clone()).or_default() += count;
        }
    }
    methods
}

pub(crate) fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::L1 => "l1",
        Layer::L2 => "l2",
        Layer::Sequencer => "sequencer",
    }
}
