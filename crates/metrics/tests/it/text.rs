//! Both forms of the text, as parsers that are not ours read them.

use std::{collections::BTreeSet, time::Duration};

use metrics::{FAMILIES, Format, Kind};
use openmetrics_parser::{OpenMetricsType, openmetrics::parse_openmetrics, prometheus::parse_prometheus};
use tokio::time::advance;

use crate::fixture::Fixture;

#[tokio::test(start_paused = true)]
async fn openmetrics_holds_every_family_with_its_type_help_and_labels() {
    let mut fixture = Fixture::settled().await;
    advance(Duration::from_secs(1)).await;
    fixture.l2(110, 180, 189, 202);
    let parsed = parse_openmetrics(&fixture.exposition.encode(Format::OpenMetrics)).unwrap();
    let listed: BTreeSet<_> = FAMILIES.iter().map(|family| family.name).collect();
    let exposed: BTreeSet<_> = parsed.families.keys().map(String::as_str).collect();
    assert_eq!(exposed, listed);
    for family in FAMILIES {
        let found = &parsed.families[family.name];
        let expected = match family.kind {
            Kind::Counter => OpenMetricsType::Counter,
            Kind::Gauge => OpenMetricsType::Gauge,
            Kind::Histogram => OpenMetricsType::Histogram,
        };
        assert_eq!(found.family_type, expected, "{}", family.name);
        assert_eq!(found.help, family.help, "{}", family.name);
        assert!(found.iter_samples().next().is_some(), "{} has no sample", family.name);
        let labels: BTreeSet<_> = found.get_label_names().iter().map(String::as_str).collect();
        assert_eq!(labels, family.labels.iter().copied().collect(), "{}", family.name);
    }
}

#[tokio::test(start_paused = true)]
async fn the_older_text_holds_the_same_samples() {
    let fixture = Fixture::settled().await;
    let text = fixture.exposition.encode(Format::Text);
    let parsed = parse_prometheus(&text).unwrap_or_else(|error| panic!("{error:?} in\n{text}"));
    let listed: BTreeSet<_> = FAMILIES.iter().map(|family| family.sample()).collect();
    let exposed: BTreeSet<_> = parsed.families.into_keys().collect();
    assert!(exposed.is_subset(&listed), "{:?}", exposed.difference(&listed));
    let lines = |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&text), lines(&fixture.exposition.encode(Format::OpenMetrics)));
}

/// What is known before anything is: that it is not ready.
#[tokio::test(start_paused = true)]
async fn before_the_first_status_there_are_no_refs() {
    let fixture = Fixture::unset().await;
    let samples = fixture.samples();
    assert!(samples.keys().all(|sample| !sample.starts_with("op_node_default_refs")));
    fixture.check("op_node_default_up", 0.);
    fixture.check("op_status_ready", 0.);
    fixture.check("op_status_unready{reason=\"unset\"}", 1.);
}
