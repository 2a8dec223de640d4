//! What is written for people is current, and what is written for machines can be read by them.

use std::{fs, path::Path};

use tests::reference;

#[test]
fn the_reference_is_current() {
    for page in reference::pages().unwrap() {
        let found = fs::read_to_string(&page.path).unwrap_or_default();
        let differs = found.lines().zip(page.text.lines()).find(|(found, expected)| found != expected);
        assert!(
            found == page.text,
            "{} is not current; renew it by `cargo run -p tests --bin reference`. The first difference: {differs:?}",
            page.path.display()
        );
    }
}

/// Links between our own documents: files that exist, and headings that are there.
#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files: Vec<_> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"].map(|it| root.join(it)).into();
    for folder in ["docs", "docs/reference"] {
        let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|path| path.extension().is_some_and(|it| it == "md")));
    }
    let heading = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.collect::<String>().replace(' ', "-")
    };
    let mut seen = 0;
    for file in &files {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
            let link = rest.split(')').next().unwrap();
            if link.starts_with("http") {
                continue;
            }
            seen += 1;
            let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link}", file.display());
            if let Some(anchor) = anchor {
                let text = fs::read_to_string(&target).unwrap();
                let found = text.lines().any(|line| line.starts_with('#') && heading(line) == anchor);
                assert!(found, "{}: {link} has no heading", file.display());
            }
        }
    }
    assert!(seen > 20, "only {seen} links were found");
}

#[test]
fn what_machines_read_can_be_parsed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files =
        ["deploy/compose.yml", "deploy/helm/Chart.yaml", "deploy/helm/values.yaml", "deploy/helm/values.schema.json"]
            .map(|it| root.join(it))
            .to_vec();
    for folder in [
        ".github/workflows",
        "deploy/prometheus",
        "deploy/grafana",
        "deploy/grafana/provisioning/datasources",
        "deploy/grafana/provisioning/dashboards",
    ] {
        let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|path| path.is_file()));
    }
    assert!(files.len() > 6);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let read = match file.extension().and_then(|it| it.to_str()) {
            Some("json") => serde_json::from_str::<serde_json::Value>(&text).map_err(|error| error.to_string()),
            Some("yml" | "yaml") => {
                serde_saphyr::from_str::<serde_json::Value>(&text).map_err(|error| error.to_string())
            }
            other => panic!("{}: {other:?}", file.display()),
        };
        let read = read.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(read.as_object().is_some_and(|it| !it.is_empty()), "{}", file.display());
    }
}
