//! The file that `--config` names.

use std::{cell::RefCell, collections::HashSet, fs, sync::LazyLock};

use op_status::{
    args::{Fault, FileError, Flags, ParseError, Setting},
    effective, without_secrets,
};
use tempfile::TempDir;

use crate::text::text;

/// Where a corpus has a password, a token or a key, it has this.
const SECRET: &str = "s3cr3t";

/// What `op-status config` prints of a file stands for the same settings, and no error tells a secret.
pub fn config_file(input: &[u8]) {
    let Some(text) = text(input) else { return };
    match settings(text) {
        Ok(settings) => {
            let printed = effective(&settings);
            let again = self::settings(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
            assert_eq!(values(&again), values(&settings), "{printed}");
        }
        Err(ParseError::File(FileError { line, fault, .. })) => {
            assert!(line.is_some_and(|line| (1..=1 + text.matches('\n').count()).contains(&line)), "{line:?}");
            let quoted = match &fault {
                Fault::Syntax(why) => why,
                Fault::Value { key, why } if SECRETS.contains(key.trim_end_matches(".url")) => why,
                _ => "",
            };
            assert!(!quoted.contains(SECRET), "{fault}");
        }
        Err(ParseError::Value { place, why }) => panic!("{place} is not in the file: {why}"),
        Err(ParseError::Usage(error)) => assert!(!without_secrets(&error.to_string()).is_empty()),
    }
}

/// The flags that may hold a secret.
static SECRETS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let all = settings("network = 'op-mainnet'\nl1 = 'a'\nl2 = 'b'").expect("the least there is");
    let secret = all.into_iter().filter(|setting| setting.secret);
    secret.map(|setting| setting.key.trim_end_matches(".url").to_owned()).collect()
});

thread_local! {
    /// clap's flags, which take long to build, and the folder of the file.
    static KEPT: RefCell<(Flags, TempDir)> = RefCell::new((Flags::new([]), tempfile::tempdir().expect("a folder")));
}

/// What `config` would do with a file of this text.
fn settings(text: &str) -> Result<Vec<Setting>, ParseError> {
    KEPT.with_borrow_mut(|(flags, folder)| {
        let path = folder.path().join("op-status.toml");
        fs::write(&path, text).expect("written");
        let typed = ["op-status".as_ref(), "config".as_ref(), "--config".as_ref(), path.as_os_str()];
        flags.parse(typed).map(|parsed| parsed.settings)
    })
}

/// Of a value that may hold a secret only that there is one: it is printed without.
fn values(settings: &[Setting]) -> Vec<(&str, Vec<&str>)> {
    let shown = |setting: &Setting| if setting.secret { 0 } else { usize::MAX };
    let values = settings.iter().map(|it| it.values.iter().map(|value| &value[..shown(it).min(value.len())]).collect());
    settings.iter().map(|setting| setting.key.as_str()).zip(values).collect()
}
