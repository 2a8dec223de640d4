//! The page's library is the one that npm has, and not something that somebody changed.

use std::{fs, path::Path};

use tests::npm;

#[test]
fn the_library_for_plots_is_npms() -> eyre::Result<()> {
    let package = npm::install("debian/page")?.join("uplot");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/rpc/page");
    for (ours, theirs) in [
        ("uPlot.iife.min.js", "dist/uPlot.iife.min.js"),
        ("uPlot.min.css", "dist/uPlot.min.css"),
        ("uPlot.LICENSE", "LICENSE"),
    ] {
        assert!(fs::read(page.join(ours))? == fs::read(package.join(theirs))?, "{ours} is not {theirs} of the package");
    }
    Ok(())
}
