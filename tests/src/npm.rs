//! The nodes come from npm packages, which are installed once into the target folder.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use alloy_primitives::{hex, keccak256};
use eyre::{OptionExt, WrapErr, bail, ensure};

/// Installs what the lock file in `folder` (below `tests/`) pins, on first use, and gives the `node_modules`.
///
/// Tests of one run and of others that use the same target folder wait for whoever installs.
///
/// # Errors
/// When npm is missing or fails: the text says what is needed.
pub fn install(folder: &str) -> eyre::Result<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let pinned = fs::read(package.join("package-lock.json")).wrap_err_with(|| format!("no lock file in {folder:?}"))?;
    let target = target_folder()?;
    let home = target.join(format!("npm-{}", hex::encode(&keccak256(pinned)[..8])));
    let modules = home.join("node_modules");

    let lock = File::create(home.with_extension("lock"))?;
    lock.lock()?;
    if modules.is_dir() {
        return Ok(modules);
    }
    let partial = home.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(package.join(file), partial.join(file))?;
    }
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(".npmrc"), partial.join(".npmrc"))?;
    npm_ci(&partial)?;
    // Only a complete installation gets the name that the next caller looks for.
    fs::rename(&partial, &home)?;
    Ok(modules)
}

fn npm_ci(folder: &Path) -> eyre::Result<()> {
    let output = Command::new("npm")
        .arg("ci")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .wrap_err("the tests against real nodes need npm (of Node.js 20 or newer) on the PATH")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "`npm ci` in {} failed with {}, so there are no real nodes to test against:\n{said}",
            folder.display(),
            output.status
        );
    }
    Ok(())
}

/// The folder cargo builds into, which it marks.
fn target_folder() -> eyre::Result<PathBuf> {
    let binary = std::env::current_exe()?;
    let target = binary.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.map(Path::to_owned).ok_or_eyre(format!("{} is not in a target folder of cargo", binary.display()))
}

/// The anvil to test against: the pinned one where it has a package, else the one on the PATH.
///
/// # Errors
/// When the package cannot be installed.
pub fn anvil() -> eyre::Result<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Ok("anvil".into());
    }
    let binary = install("")?.join("@foundry-rs/anvil-linux-amd64/bin/anvil");
    ensure!(binary.is_file(), "the anvil package has no {}", binary.display());
    Ok(binary)
}
