//! A server in a process of its own, and what the kernel says of it.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use clap::ValueEnum;
use eyre::{OptionExt, WrapErr};

use crate::serve::Kind;

/// A child of this program that serves; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    process: Child,
    stdin: ChildStdin,
}

impl Server {
    /// Starts `bench serve KIND -- FLAGS` on the first core. It says where it listens, and may read `input` first.
    pub(crate) fn start(kind: Kind, flags: &[String], input: &str) -> eyre::Result<Self> {
        let kind = kind.to_possible_value().ok_or_eyre("every kind has a name")?;
        let mut process = Command::new(env::current_exe()?)
            .args(["serve", kind.get_name(), "--"])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
        let mut stdin = stdin.ok_or_eyre("stdin is piped")?;
        writeln!(stdin, "{input}")?;
        let mut line = String::new();
        BufReader::new(stdout.ok_or_eyre("stdout is piped")?).read_line(&mut line)?;
        let addr = line.trim().parse().wrap_err_with(|| format!("{} did not start", kind.get_name()))?;
        Ok(Self { addr, process, stdin })
    }

    /// Tells it to do what it does on a line.
    pub(crate) fn tell(&mut self, line: &str) -> eyre::Result<()> {
        Ok(writeln!(self.stdin, "{line}")?)
    }

    /// Processor time it has used so far.
    pub(crate) fn cpu(&self) -> eyre::Result<Duration> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            // A thread may end meanwhile; the ones that count do not.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            nanoseconds += text.split(' ').next().ok_or_eyre("an empty schedstat")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Memory that is its own and resident, in bytes.
    pub(crate) fn memory(&self) -> eyre::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or_eyre("no RssAnon")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; that showed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
