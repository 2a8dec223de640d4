//! Input as text.

use std::str;

/// JSON and TOML are read as text: what is not UTF-8 never reaches their readers.
pub(crate) fn text(input: &[u8]) -> Option<&str> {
    str::from_utf8(input).ok()
}
