//! A node as a child process.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use eyre::{OptionExt, WrapErr, ensure, eyre};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    time::timeout,
};

use crate::PATIENCE;

/// A child process that is killed on drop. What it prints is read for as long as it lives, so that it never blocks.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts `command` and waits for it to print a line that contains `ready`; gives what follows it on that line.
    ///
    /// # Errors
    /// When the program cannot be started, or ends or stays silent without that line.
    pub async fn start(command: &mut Command, ready: &str) -> eyre::Result<(Self, String)> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .wrap_err_with(|| format!("cannot start {name}"))?;
        let (sender, mut lines) = mpsc::channel(1024);
        if let Some(stdout) = child.stdout.take() {
            drain(stdout, sender.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            drain(stderr, sender);
        }
        let process = Self { child };
        match timeout(PATIENCE, find(&mut lines, ready)).await {
            Ok(Ok(rest)) => Ok((process, rest)),
            Ok(Err(printed)) => Err(eyre!("{name} ended before it said {ready:?}; it said:\n{printed}")),
            Err(_) => Err(eyre!("{name} did not say {ready:?} within {PATIENCE:?}")),
        }
    }

    /// Stops the process in its tracks (SIGSTOP): its sockets stay open and silent.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn pause(&self) -> eyre::Result<()> {
        kill_process(self.pid()?, Signal::STOP)?;
        // The signal is on its way; none of the threads runs any more only when the system says so.
        let stopped = waitpid(Some(self.pid()?), WaitOptions::UNTRACED)?;
        ensure!(stopped.is_some_and(|(_, status)| status.stopped()), "ended instead of stopping: {stopped:?}");
        Ok(())
    }

    /// Lets a paused process go on (SIGCONT).
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resume(&self) -> eyre::Result<()> {
        Ok(kill_process(self.pid()?, Signal::CONT)?)
    }

    /// Ends the process at once (SIGKILL); it has no chance to say goodbye to its connections.
    ///
    /// # Errors
    /// When the process is gone already.
    pub fn kill(&mut self) -> eyre::Result<ExitStatus> {
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// The id the system knows it by.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the process to end (SIGTERM) and waits for it.
    ///
    /// # Errors
    /// When the process is gone already.
    pub fn end(&mut self) -> eyre::Result<ExitStatus> {
        kill_process(self.pid()?, Signal::TERM)?;
        Ok(self.child.wait()?)
    }

    fn pid(&self) -> eyre::Result<Pid> {
        Pid::from_raw(self.child.id().cast_signed()).ok_or_eyre("no process has id 0")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only for a process that has ended, which is what is wanted.
        let _ = self.kill();
    }
}

/// Reads to the end on a thread of its own. Lines nobody waits for are dropped.
fn drain(output: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = lines.try_send(line);
        }
    });
}

/// What follows `ready` on the first line that has it, or all that was printed when there is none.
async fn find(lines: &mut Receiver<String>, ready: &str) -> Result<String, String> {
    let mut printed = Vec::new();
    while let Some(line) = lines.recv().await {
        if let Some((_, rest)) = line.split_once(ready) {
            return Ok(rest.trim().to_owned());
        }
        printed.push(line);
    }
    Err(printed.join("\n"))
}
