//! No file imports in a circle: in every package there is a bottom to begin reading at.
//!
//! ```text
//! cargo metadata ─▶ sources: what every file declares and names ─▶ resolve: where that is defined ─▶ circles
//! ```
//!
//! Every path counts that leads to another file of the same package, in a `use` as in the code, a parent module's like any
//! other. It leads to the file that defines what it names, however often it is exported again on the way. `mod x;` is no
//! import, and what is built for tests only is left out.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod circles;
mod resolve;
mod sources;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use sources::Sources;

/// Packages in which files still import in a circle.
const OPEN: [&str; 4] = ["l2-ingest", "status", "torture", "upstream"];

/// The files that import in a circle below this root of a crate, each circle with its imports.
fn circles_of(root: &Path) -> Vec<String> {
    let sources = Sources::read(root);
    circles::of(&resolve::imports(&sources)).iter().map(|circle| circle.join("\n  ")).collect()
}

#[test]
fn no_file_imports_in_a_circle() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let metadata: Value = serde_json::from_slice(&cargo.output().unwrap().stdout).unwrap();
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if OPEN.contains(&name) {
            continue;
        }
        for target in package["targets"].as_array().unwrap() {
            let circles = circles_of(Path::new(target["src_path"].as_str().unwrap()));
            found.extend(circles.into_iter().map(|circle| format!("{name}:\n  {circle}")));
        }
    }
    assert!(found.is_empty(), "files import in a circle\n\n{}", found.join("\n\n"));
}

/// Writes the files of a crate, the first of which is its root, and compares the circles found.
#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let root: PathBuf = folder.path().join(files[0].0);
    let found: Vec<_> =
        circles_of(&root).iter().map(|it| it.replace(&format!("{}/", folder.path().display()), "")).collect();
    assert_eq!(found, expected);
}

#[test]
fn two_files_that_name_each_other_are_a_circle() {
    let circle = "a.rs names b.rs: crate::b::B\n  b.rs names a.rs: a::A";
    check(
        &[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use crate::{a, c::*}; fn f() { let _ = [a::A, 1..2]; } pub struct B;"),
            ("c.rs", "pub fn c(b: B) {}"),
        ],
        &[circle],
    );
}

/// What is exported again belongs to the file that defines it, and a parent that does nothing but that is no tie.
#[test]
fn exports_lead_to_the_definition() {
    let (root, a) = ("mod a; mod b; pub use a::*; pub use b::deep::{B as Other};", "pub struct A(u8);");
    let b = "pub mod deep;";
    check(&[("lib.rs", root), ("a.rs", a), ("b/mod.rs", b), ("b/deep.rs", "pub struct B(crate::A);")], &[]);
    let a = "pub struct A(crate::Other);";
    let circle = "a.rs names b/deep.rs: crate::Other\n  b/deep.rs names a.rs: crate::A";
    check(&[("lib.rs", root), ("a.rs", a), ("b/mod.rs", b), ("b/deep.rs", "pub struct B(crate::A);")], &[circle]);
}

#[test]
fn a_parent_counts_like_any_other_file() {
    let circle = "lib/a.rs names lib.rs: super::super::B\n  lib.rs names lib/a.rs: a::f";
    check(
        &[
            ("lib.rs", "#[path = \"lib/a.rs\"] mod a; pub struct B; fn f() { a::f() }"),
            ("lib/a.rs", "mod inner { pub(super) fn g(_: super::super::B) {} } pub fn f() {}"),
        ],
        &[circle],
    );
    check(&[("lib.rs", "mod a; fn f() { a::f() }"), ("a.rs", "// crate::B\npub fn f() { \"crate::f\"; }")], &[]);
}

#[test]
fn tests_are_left_out() {
    check(
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "pub struct A; #[cfg(test)] mod tests { use crate::b::B; }"),
            ("b.rs", "pub struct B(crate::a::A); #[cfg(test)] mod tests; #[cfg(test)] use crate::b;"),
        ],
        &[],
    );
}
