//! Standard output: what commands were asked for, and nothing else.

use std::{
    io::{self, Write},
    path::Path,
};

use clap::CommandFactory;

use crate::args::Cli;

/// Prints to standard output at once. A reader that has seen enough is no error.
pub fn print(text: &str) -> io::Result<()> {
    match write(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes to standard output at once. Colours reach a terminal only, and not where `NO_COLOR` is set.
pub(crate) fn write(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
}

/// A script for a shell that completes the program's flags.
pub fn completions(shell: clap_complete::Shell) -> String {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes the manual: a page about the program and one about each command.
pub fn manual(folder: &Path) -> io::Result<()> {
    clap_mangen::generate_to(Cli::command(), folder)
}
