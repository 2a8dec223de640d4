//! Texts of the other side, made fit to be shown.

use std::sync::Arc;

/// Longest text of another process that is shown, in characters.
const LONGEST: usize = 200;

/// What must not be shown of one endpoint: the parts of its URL that may be a credential.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<[String]>);

impl Secrets {
    /// Parts of three characters or less are no secret, and would blot out innocent text.
    pub(crate) fn new(parts: impl IntoIterator<Item = String>) -> Self {
        let mut parts: Vec<String> = parts.into_iter().filter(|part| part.len() > 3).collect();
        // The longest first, lest a part of it be replaced and the rest be shown.
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        Self(parts.into())
    }

    /// `text` as one short line without our secrets and without control characters.
    pub(crate) fn hide(&self, text: &str) -> String {
        let hidden = self.0.iter().fold(text.to_owned(), |text, part| text.replace(part, "***"));
        let mut words = String::new();
        for word in hidden.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
        match words.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &words[..end]),
            None => words,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_one_short_line_without_secrets() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let secrets = Secrets::new(["key", "s3cr3t", "s3cr3t-and-more"].map(str::to_owned));
            assert_eq!(secrets.hide(text), expected);
        }
        check("", "");
        check("a key is short", "a key is short");
        check("no s3cr3t\tfor\r\n\u{1b}[31myou", "no *** for [31myou");
        check("s3cr3t-and-more s3cr3ts3cr3t", "*** ******");
        check(&"é".repeat(200), &"é".repeat(200));
        check(&"é".repeat(201), &format!("{}…", "é".repeat(200)));
        check(&format!("{}s3cr3t", "x".repeat(198)), &format!("{}**…", "x".repeat(198)));
    }
}
