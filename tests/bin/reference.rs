//! Writes `docs/reference` from the code.

use std::fs;

fn main() -> eyre::Result<()> {
    for page in tests::reference::pages()? {
        fs::write(&page.path, &page.text)?;
    }
    Ok(())
}
