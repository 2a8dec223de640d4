//! Which file defines what a path names.

use std::{collections::BTreeMap, path::PathBuf};

use crate::sources::{Module, Sources};

/// By the file that names something and the file that defines it, the path by which it does.
pub(crate) type Imports = BTreeMap<(PathBuf, PathBuf), String>;

/// More exports of exports than there are.
const DEPTH: usize = 20;

/// What a path leads to.
#[derive(Clone, Copy)]
enum Target {
    Module(usize),
    /// Something defined in this module.
    Item(usize),
}

pub(crate) fn imports(sources: &Sources) -> Imports {
    let modules = &sources.modules;
    let mut imports = Imports::new();
    for (index, module) in modules.iter().enumerate() {
        for path in &module.paths {
            let Some(Target::Module(target) | Target::Item(target)) = resolve(modules, index, path, DEPTH) else {
                continue;
            };
            let target = &modules[target].file;
            if *target != module.file {
                imports.entry((module.file.clone(), target.clone())).or_insert_with(|| path.join("::"));
            }
        }
    }
    imports
}

/// What `path` leads to from a module; none if that is another crate, or nothing but a name in a function.
fn resolve(modules: &[Module], from: usize, path: &[String], depth: usize) -> Option<Target> {
    let depth = depth.checked_sub(1)?;
    let (first, mut rest) = path.split_first()?;
    let mut at = match first.as_str() {
        "crate" => Target::Module(0),
        "self" => Target::Module(from),
        "super" => Target::Module(modules[from].parent?),
        name => look_up(modules, from, name, depth)?,
    };
    while let (Target::Module(module), [name, after @ ..]) = (at, rest) {
        at = match name.as_str() {
            "super" => Target::Module(modules[module].parent?),
            // A macro, or what a macro defines.
            name => look_up(modules, module, name, depth).unwrap_or(Target::Item(module)),
        };
        rest = after;
    }
    Some(at)
}

/// What `name` stands for in a module, if for anything of this crate.
fn look_up(modules: &[Module], module: usize, name: &str, depth: usize) -> Option<Target> {
    let depth = depth.checked_sub(1)?;
    let here = &modules[module];
    if let Some(child) = here.children.get(name) {
        return Some(Target::Module(*child));
    }
    if here.items.contains(name) {
        return Some(Target::Item(module));
    }
    if let Some(path) = here.uses.get(name) {
        return resolve(modules, module, path, depth);
    }
    here.globs.iter().find_map(|path| match resolve(modules, module, path, depth)? {
        Target::Module(glob) if glob != module => look_up(modules, glob, name, depth),
        _ => None,
    })
}
