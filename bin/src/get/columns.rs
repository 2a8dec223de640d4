//! Texts as people read them: aligned, short, and without what would disturb a terminal.

use std::{cmp::Ordering, time::Duration};

use clap::builder::styling::Style;
use rollup::BlockId;

/// Longest text of another process that is shown, in characters.
const LONGEST: usize = 300;

/// A line of cells that look alike.
pub(crate) type Row = (Style, Vec<String>);

/// The rows with their cells one below the other, columns of which `right` says so aligned to the right.
pub(crate) fn columns(rows: &[Row], right: impl Fn(usize) -> bool) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|(_, cells)| cells.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> =
        (0..rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or_default()).map(width).collect();
    let mut text = String::new();
    for (style, cells) in rows {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if right(column) { format!("{cell:>width$}") } else { format!("{cell:width$}") }
        });
        let line = padded.collect::<Vec<_>>().join("  ");
        text.push_str(&format!("{style}{}{style:#}\n", line.trim_end()));
    }
    text
}

/// A text of another process, on one line and of bounded length.
pub(crate) fn plain(text: &str) -> String {
    let mut plain: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        plain.push('…');
    }
    plain
}

/// A length of time by its two largest units.
pub(crate) fn human(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {}s", seconds % 60),
        3600..86400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// How long ago a block was made, by the seconds of its timestamp.
pub(crate) fn age(now: Duration, timestamp: u64) -> String {
    match now.as_secs().checked_sub(timestamp) {
        Some(age) => human(Duration::from_secs(age)),
        None => format!("in {}", human(Duration::from_secs(timestamp - now.as_secs()))),
    }
}

/// How many blocks `block` is behind `head`; negative when it is ahead.
pub(crate) fn behind(block: u64, head: u64) -> String {
    match block.cmp(&head) {
        Ordering::Greater => format!("-{}", block - head),
        _ => (head - block).to_string(),
    }
}

/// The hash by its ends, as op-node logs it.
pub(crate) fn short(block: BlockId) -> String {
    let hash = block.hash.to_string();
    format!("{}..{}", &hash[..8], &hash[hash.len() - 6..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_units() {
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m 0s"),
            (3599, "59m 59s"),
            (3600, "1h 0m"),
            (86399, "23h 59m"),
            (86400, "1d 0h"),
            (20_000 * 86400 + 7200, "20000d 2h"),
        ] {
            assert_eq!(human(Duration::from_millis(seconds * 1000 + 999)), expected);
        }
    }

    #[test]
    fn ages_may_lie_in_the_future() {
        let now = Duration::from_millis(1_000_999);
        for (timestamp, expected) in [
            (1000, "0s"),
            (940, "1m 0s"),
            (1001, "in 1s"),
            (1090, "in 1m 30s"),
            (0, "16m 40s"),
            (u64::MAX, "in 213503982334601d 6h"),
        ] {
            assert_eq!(age(now, timestamp), expected, "{timestamp}");
        }
    }

    #[test]
    fn lag_may_be_negative() {
        for (block, head, expected) in [(5, 5, "0"), (0, 7, "7"), (9, 7, "-2"), (0, u64::MAX, "18446744073709551615")] {
            assert_eq!(behind(block, head), expected);
        }
    }

    #[test]
    fn foreign_text_is_one_short_line() {
        assert_eq!(plain("a\u{1b}[31mb\r\nc"), "a [31mb  c");
        assert_eq!(plain(&"é".repeat(300)), "é".repeat(300));
        assert_eq!(plain(&"é".repeat(301)), format!("{}…", "é".repeat(300)));
    }
}
