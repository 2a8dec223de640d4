//! `--rollup [NAME=]URL` and `--rollup.current-l1 [NAME=]node|origin`.

use l2_ingest::CurrentL1;
use upstream::Options;

use crate::{RollupNode, UsageError, config::endpoint};

/// The rollup nodes that the flags name.
pub(crate) fn nodes(urls: &[String], current_l1: &[String], options: &Options) -> Result<Vec<RollupNode>, UsageError> {
    if urls.len() > 1 {
        return Err(UsageError::Nodes(urls.len()));
    }
    let named: Vec<_> = urls.iter().map(|url| split(url)).collect();
    let policies = current_l1.iter().map(|value| policy(value)).collect::<Result<Vec<_>, _>>()?;
    if let Some((name, _)) =
        policies.iter().find(|(name, _)| name.is_some() && !named.iter().any(|node| node.0 == *name))
    {
        return Err(UsageError::CurrentL1(format!("no rollup node is named {}", name.unwrap_or_default())));
    }
    let mut nodes = Vec::new();
    for (name, url) in named {
        // The last word counts, and one for this node counts more than one for all.
        let of =
            |wanted: Option<&str>| policies.iter().rev().find(|(node, _)| *node == wanted).map(|(_, policy)| *policy);
        let current_l1 = name.and_then(|name| of(Some(name))).or_else(|| of(None)).unwrap_or_default();
        let endpoint = endpoint("--rollup", url, options)?;
        nodes.push(RollupNode {
            endpoint: match name {
                Some(name) => endpoint.named(name),
                None => endpoint,
            },
            current_l1,
        });
    }
    Ok(nodes)
}

fn policy(value: &str) -> Result<(Option<&str>, CurrentL1), UsageError> {
    match split(value) {
        (name, "node") => Ok((name, CurrentL1::Node)),
        (name, "origin") => Ok((name, CurrentL1::Origin)),
        (_, other) => Err(UsageError::CurrentL1(format!("expected node or origin, found {other}"))),
    }
}

/// Splits `NAME=` off; a URL may hold an equals sign of its own.
fn split(value: &str) -> (Option<&str>, &str) {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|char| char.is_alphanumeric() || "-_.".contains(char));
    match value.split_once('=') {
        Some((name, rest)) if is_name(name) => (Some(name), rest),
        _ => (None, value),
    }
}

#[cfg(test)]
mod tests {
    use upstream::tls_config;

    use super::*;

    #[test]
    fn names_and_policies() {
        #[track_caller]
        fn check(url: &str, policies: &[&str], expected: Result<(&str, CurrentL1), &str>) {
            let options = Options::new(tls_config(None).expect("the system's roots"));
            let policies: Vec<_> = policies.iter().map(|policy| (*policy).to_owned()).collect();
            let found = nodes(&[url.to_owned()], &policies, &options);
            let found = found.map(|nodes| (nodes[0].endpoint.name().to_owned(), nodes[0].current_l1));
            let found = found.map_err(|error| error.to_string());
            assert_eq!(found, expected.map(|(name, policy)| (name.to_owned(), policy)).map_err(str::to_owned));
        }
        check("http://a:1/key?x=y", &["node"], Ok(("http://a:1", CurrentL1::Node)));
        check("kona=http://a:1", &["origin"], Ok(("kona", CurrentL1::Origin)));
        check("kona=http://a:1", &["node", "kona=origin"], Ok(("kona", CurrentL1::Origin)));
        check("kona=http://a:1", &["kona=node", "origin"], Ok(("kona", CurrentL1::Node)));
        check("kona=http://a:1", &["other=node"], Err("--rollup.current-l1: no rollup node is named other"));
        check("http://a:1", &["head"], Err("--rollup.current-l1: expected node or origin, found head"));
        check(
            "kona=ftp://a",
            &["node"],
            Err("--rollup: the scheme ftp is not supported (http, https, ws, wss, file, or the path of an IPC socket)"),
        );
    }
}
