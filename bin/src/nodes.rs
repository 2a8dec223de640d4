//! `--rollup [NAME=]URL,...`, `--rollup.follower [NAME=]URL,...` and `--rollup.current-l1 [NAME=]auto|node|origin`.

use l2_ingest::CurrentL1;
use upstream::{Endpoint, Options};

use crate::UsageError;

/// A rollup node to follow.
#[derive(Clone, Debug)]
pub struct RollupNode {
    /// Where it is.
    pub endpoint: Endpoint,
    /// What stands for its `current_l1`.
    pub current_l1: CurrentL1,
    /// Whether it follows others instead of deriving by itself: then it never votes.
    pub follower: bool,
}

impl RollupNode {
    /// Whether it can say what was safe when: its `current_l1` is its own word.
    pub(crate) fn knows_safe_heads(&self) -> bool {
        !self.follower && self.current_l1 != CurrentL1::Origin
    }
}

/// The rollup nodes that the flags name: derivers, then followers.
pub(crate) fn nodes(
    derivers: &[String],
    followers: &[String],
    current_l1: &[String],
    options: &Options,
) -> Result<Vec<RollupNode>, UsageError> {
    let derivers = named_urls(derivers).map(|url| (url, false));
    let all: Vec<_> = derivers.chain(named_urls(followers).map(|url| (url, true))).collect();
    let policies = current_l1.iter().map(|value| policy(value)).collect::<Result<Vec<_>, _>>()?;
    let known = |name: Option<&str>| name.is_none() || all.iter().any(|((node, _), _)| *node == name);
    if let Some((name, _)) = policies.iter().find(|(name, _)| !known(*name)) {
        return Err(UsageError::CurrentL1(format!("no rollup node is named {}", name.unwrap_or_default())));
    }
    let mut nodes = Vec::new();
    for ((name, url), follower) in all {
        // The last word counts, and one for this node counts more than one for all.
        let of =
            |wanted: Option<&str>| policies.iter().rev().find(|(node, _)| *node == wanted).map(|(_, policy)| *policy);
        let current_l1 = name.and_then(|name| of(Some(name))).or_else(|| of(None)).unwrap_or_default();
        let flag = if follower { "--rollup.follower" } else { "--rollup" };
        let endpoint = named(endpoint(flag, url, options)?, name);
        distinct(flag, nodes.iter().map(|node: &RollupNode| &node.endpoint), &endpoint)?;
        nodes.push(RollupNode { endpoint, current_l1, follower });
    }
    Ok(nodes)
}

/// The endpoints that a flag names.
pub(crate) fn endpoints(flag: &'static str, urls: &[String], options: &Options) -> Result<Vec<Endpoint>, UsageError> {
    let mut endpoints = Vec::new();
    for (name, url) in named_urls(urls) {
        let endpoint = named(endpoint(flag, url, options)?, name);
        distinct(flag, endpoints.iter(), &endpoint)?;
        endpoints.push(endpoint);
    }
    Ok(endpoints)
}

/// The members of a list, but for one behind the last comma.
fn named_urls(urls: &[String]) -> impl Iterator<Item = (Option<&str>, &str)> {
    let (last, before) = match urls {
        [before @ .., last] if !before.is_empty() => (Some(last), before),
        urls => (None, urls),
    };
    before.iter().chain(last.filter(|url| !url.is_empty())).map(|url| split(url))
}

fn named(endpoint: Endpoint, name: Option<&str>) -> Endpoint {
    match name {
        Some(name) => endpoint.named(name),
        None => endpoint,
    }
}

/// Endpoints are told apart by what is shown of them.
pub(crate) fn distinct<'a>(
    flag: &'static str,
    mut known: impl Iterator<Item = &'a Endpoint>,
    endpoint: &Endpoint,
) -> Result<(), UsageError> {
    match known.any(|other| other.name() == endpoint.name()) {
        true => Err(UsageError::Twice { flag, name: endpoint.name().to_owned() }),
        false => Ok(()),
    }
}

fn policy(value: &str) -> Result<(Option<&str>, CurrentL1), UsageError> {
    match split(value) {
        (name, "auto") => Ok((name, CurrentL1::Auto)),
        (name, "node") => Ok((name, CurrentL1::Node)),
        (name, "origin") => Ok((name, CurrentL1::Origin)),
        (_, other) => Err(UsageError::CurrentL1(format!("expected auto, node or origin, found {other}"))),
    }
}

/// Splits `NAME=` off; a URL may hold an equals sign of its own.
pub(crate) fn split(value: &str) -> (Option<&str>, &str) {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|char| char.is_alphanumeric() || "-_.".contains(char));
    match value.split_once('=') {
        Some((name, rest)) if is_name(name) => (Some(name), rest),
        _ => (None, value),
    }
}

pub(crate) fn endpoint(flag: &'static str, url: &str, options: &Options) -> Result<Endpoint, UsageError> {
    Endpoint::parse(url, options.clone()).map_err(|error| UsageError::Endpoint { flag, error })
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
            let found = nodes(&[url.to_owned()], &[], &policies, &options);
            let found = found.map(|nodes| (nodes[0].endpoint.name().to_owned(), nodes[0].current_l1));
            let found = found.map_err(|error| error.to_string());
            assert_eq!(found, expected.map(|(name, policy)| (name.to_owned(), policy)).map_err(str::to_owned));
        }
        check("http://a:1/key?x=y", &["node"], Ok(("http://a:1", CurrentL1::Node)));
        check("http://a:1", &[], Ok(("http://a:1", CurrentL1::Auto)));
        check("kona=http://a:1", &["node", "kona=auto"], Ok(("kona", CurrentL1::Auto)));
        check("kona=http://a:1", &["origin"], Ok(("kona", CurrentL1::Origin)));
        check("kona=http://a:1", &["node", "kona=origin"], Ok(("kona", CurrentL1::Origin)));
        check("kona=http://a:1", &["kona=node", "origin"], Ok(("kona", CurrentL1::Node)));
        check("kona=http://a:1", &["other=node"], Err("--rollup.current-l1: no rollup node is named other"));
        check("http://a:1", &["head"], Err("--rollup.current-l1: expected auto, node or origin, found head"));
        check("", &["node"], Err("--rollup: the URL is empty"));
        check(
            "kona=ftp://a",
            &["node"],
            Err("--rollup: the scheme ftp is not supported (http, https, ws, wss, file, or the path of an IPC socket)"),
        );
    }

    #[test]
    fn endpoints_on_one_host_need_names() {
        #[track_caller]
        fn check(urls: &[&str], expected: Result<&[&str], &str>) {
            let options = Options::new(tls_config(None).expect("the system's roots"));
            let urls: Vec<_> = urls.iter().map(|url| (*url).to_owned()).collect();
            let found = endpoints("--l1", &urls, &options).map_err(|error| error.to_string());
            let found = found.map(|found| found.iter().map(|endpoint| endpoint.name().to_owned()).collect::<Vec<_>>());
            assert_eq!(
                found,
                expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect()).map_err(str::to_owned)
            );
        }
        check(&["http://a:1/x", "ws://a:1/x"], Ok(&["http://a:1", "ws://a:1"]));
        check(&["http://a:1/x", "ws://a:1/x", ""], Ok(&["http://a:1", "ws://a:1"]));
        check(&["http://a:1/x", "", "ws://a:1/x"], Err("--l1: the URL is empty"));
        check(&[""], Err("--l1: the URL is empty"));
        check(&["one=http://a:1/x", "http://a:1/y"], Ok(&["one", "http://a:1"]));
        check(
            &["http://a:1/x", "http://a:1/y"],
            Err("--l1: two endpoints are shown as http://a:1; tell them apart by a name, NAME=URL"),
        );
    }
}
