//! The two forms of the same text.

use std::borrow::Cow;

/// How metrics are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0, which Prometheus asks for.
    OpenMetrics,
    /// Prometheus's text format 0.0.4, which everything else reads.
    Text,
}

impl Format {
    /// What the `Accept` header of a request asks for.
    pub fn wanted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    /// The `Content-Type` of the answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// `text`, which is OpenMetrics, in this form. The two differ in where a counter's `_total` is said: in 0.0.4 it is
    /// a part of the family's name.
    pub(crate) fn of(self, text: String) -> String {
        if self == Self::OpenMetrics {
            return text;
        }
        let counters: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter").map(str::to_owned))
            .collect();
        let line = |line: &str| -> Option<String> {
            let Some((prefix, rest)) = ["# HELP ", "# TYPE "].iter().find_map(|it| Some((it, line.strip_prefix(*it)?)))
            else {
                return (line != "# EOF").then(|| format!("{line}\n"));
            };
            let (name, rest) = rest.split_once(' ')?;
            let name: Cow<'_, str> =
                if counters.iter().any(|it| it == name) { format!("{name}_total").into() } else { name.into() };
            Some(format!("{prefix}{name} {rest}\n"))
        };
        text.lines().filter_map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_their_suffix_in_the_older_form() {
        let text = "# HELP a Help.\n# TYPE a counter\na_total{x=\"1\"} 5\n# HELP b Help.\n# TYPE b gauge\nb 1\n# EOF\n";
        assert_eq!(Format::OpenMetrics.of(text.into()), text);
        assert_eq!(
            Format::Text.of(text.into()),
            "# HELP a_total Help.\n# TYPE a_total counter\na_total{x=\"1\"} 5\n# HELP b Help.\n# TYPE b gauge\nb 1\n"
        );
    }

    #[test]
    fn prometheus_gets_what_it_asks_for() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::wanted(prometheus), Format::OpenMetrics);
        assert_eq!(Format::wanted("*/*"), Format::Text);
        assert_eq!(Format::wanted(""), Format::Text);
    }
}
