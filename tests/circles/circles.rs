//! Which files import each other, be it by way of others.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::resolve::Imports;

/// The imports of each circle.
pub(crate) fn of(imports: &Imports) -> Vec<Vec<String>> {
    let reached = reached(imports);
    let mut circles = BTreeMap::<&BTreeSet<&PathBuf>, Vec<String>>::new();
    for ((from, to), path) in imports {
        if reached[to].contains(from) {
            // Files of one circle reach the same files.
            let line = format!("{} names {}: {path}", from.display(), to.display());
            circles.entry(&reached[to]).or_default().push(line);
        }
    }
    circles.into_values().collect()
}

/// What each file reaches by one import or more.
fn reached(imports: &Imports) -> BTreeMap<&PathBuf, BTreeSet<&PathBuf>> {
    let mut reached = BTreeMap::<_, BTreeSet<_>>::new();
    for (from, to) in imports.keys() {
        reached.entry(from).or_default().insert(to);
        reached.entry(to).or_default();
    }
    loop {
        let mut grown = reached.clone();
        for files in grown.values_mut() {
            let further: Vec<_> = files.iter().flat_map(|file| &reached[file]).copied().collect();
            files.extend(further);
        }
        if grown == reached {
            return reached;
        }
        reached = grown;
    }
}
