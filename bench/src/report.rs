//! The figures: what is kept of them, the table and the JSON.

use std::{fs, path::Path};

use serde::Serialize;

/// Everything measured so far.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The figures are of no worth, for everything was measured for a moment only.
    pub(crate) short: bool,
    /// Cores of the machine.
    cores: usize,
    figures: Vec<Figure>,
}

/// One line of the table.
#[derive(Debug, Serialize)]
struct Figure {
    benchmark: &'static str,
    what: String,
    unit: &'static str,
    #[serde(flatten)]
    spread: Spread,
    goal: Option<Goal>,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// A median and its quartiles.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) q1: f64,
    pub(crate) median: f64,
    pub(crate) q3: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |part| percentile(&values, part);
        Self { q1: at(0.25), median: at(0.5), q3: at(0.75) }
    }
}

/// The value below which that part of `sorted` lies; not a number where there is none.
pub(crate) fn percentile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((last * part).round() as usize).copied().unwrap_or(f64::NAN)
}

impl Report {
    pub(crate) fn new(short: bool) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { short, cores, figures: Vec::new() }
    }

    /// `usual`, or `short` where only a sign of life is wanted.
    pub(crate) fn choose<T>(&self, usual: T, short: T) -> T {
        if self.short { short } else { usual }
    }

    /// Keeps a figure and prints it.
    #[expect(clippy::print_stdout, reason = "the table is what this program is for")]
    pub(crate) fn add(
        &mut self,
        benchmark: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        values: impl IntoIterator<Item = f64>,
        goal: Option<Goal>,
    ) {
        let figure = Figure { benchmark, what: what.into(), unit, spread: Spread::of(values), goal };
        if self.figures.is_empty() {
            println!("| benchmark | what | median | quartiles | unit | goal |\n|---|---|---|---|---|---|");
        }
        let Spread { q1, median, q3 } = figure.spread;
        let goal = match goal {
            None => String::new(),
            Some(Goal::AtLeast(least)) => format!("≥ {least}: {}", if median >= least { "met" } else { "missed" }),
            Some(Goal::AtMost(most)) => format!("≤ {most}: {}", if median <= most { "met" } else { "missed" }),
        };
        let [q1, median, q3] = [q1, median, q3].map(shown);
        println!("| {benchmark} | {} | {median} | {q1} – {q3} | {unit} | {goal} |", figure.what);
        self.figures.push(figure);
    }

    /// Writes the JSON, if wanted.
    pub(crate) fn finish(&self, json: Option<&Path>) -> eyre::Result<()> {
        if let Some(path) = json {
            fs::write(path, serde_json::to_string_pretty(self)?)?;
        }
        Ok(())
    }
}

/// Three digits that matter.
fn shown(value: f64) -> String {
    let digits = if value.abs() >= 100.0 { 0 } else { 2 };
    format!("{value:.digits$}")
}
