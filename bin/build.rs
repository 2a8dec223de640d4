//! Names the commit that is built, for the version. A tree without one has the version of the release alone.

use std::{env, fs, process::Command};

/// What `git archive` turns into the commit; see `.gitattributes`.
const ARCHIVED: &str = "commit";

fn main() {
    println!("cargo:rerun-if-env-changed=OP_STATUS_COMMIT");
    println!("cargo:rerun-if-changed={ARCHIVED}");
    // As long as op-node's.
    let short = [given(), archived(), cloned()].into_iter().flatten().find_map(|commit| {
        let is_commit = commit.len() >= 8 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_commit.then(|| format!("-{}", &commit[..8]))
    });
    println!("cargo:rustc-env=OP_STATUS_COMMIT_SUFFIX={}", short.unwrap_or_default());
}

/// By whoever builds from a bare copy of the files, as the image does.
fn given() -> Option<String> {
    env::var_os("OP_STATUS_COMMIT")?.into_string().ok()
}

/// In a source archive.
fn archived() -> Option<String> {
    Some(fs::read_to_string(ARCHIVED).ok()?.trim().to_owned())
}

/// In a clone.
fn cloned() -> Option<String> {
    // Not in another repository that these files happen to lie in.
    git(&["rev-parse", "--show-prefix"]).filter(|prefix| prefix == "bin/")?;
    // Grows with every commit and every checkout.
    println!("cargo:rerun-if-changed={}", git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    git(&["rev-parse", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let told = Command::new("git").args(args).output().ok().filter(|told| told.status.success())?;
    Some(String::from_utf8(told.stdout).ok()?.trim().to_owned())
}
