//! What the files of a crate declare and name. Read as tokens, so that comments and texts say nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The names of a path.
pub(crate) type Names = Vec<String>;

/// The modules of a crate, the root first.
#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) modules: Vec<Module>,
}

/// A module, in a file of its own or in its parent's.
#[derive(Default)]
pub(crate) struct Module {
    pub(crate) file: PathBuf,
    pub(crate) parent: Option<usize>,
    pub(crate) children: BTreeMap<String, usize>,
    /// What it defines itself.
    pub(crate) items: BTreeSet<String>,
    /// What a name stands for by a `use`.
    pub(crate) uses: BTreeMap<String, Names>,
    /// The modules of which every name is used.
    pub(crate) globs: Vec<Names>,
    /// Every path of more than one name.
    pub(crate) paths: BTreeSet<Names>,
}

/// Where the files of child modules are.
#[derive(Clone)]
struct Place {
    /// The folder of the file, by which a `#[path]` goes.
    folder: PathBuf,
    /// The folder of its children.
    children: PathBuf,
}

impl Sources {
    pub(crate) fn read(root: &Path) -> Self {
        let mut sources = Self::default();
        let folder = root.parent().unwrap().to_owned();
        sources.file(root, None, &Place { children: folder.clone(), folder });
        sources
    }

    fn file(&mut self, file: &Path, parent: Option<usize>, place: &Place) -> usize {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.module(file, parent, place, tokens)
    }

    fn module(&mut self, file: &Path, parent: Option<usize>, place: &Place, tokens: TokenStream) -> usize {
        let module = self.modules.len();
        self.modules.push(Module { file: file.to_owned(), parent, ..Module::default() });
        self.items(module, place, tokens, true);
        module
    }

    /// Reads the tokens of a module, or of a body in it.
    fn items(&mut self, module: usize, place: &Place, tokens: TokenStream, is_module: bool) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut rest = &tokens[..];
        let mut path_attribute = None;
        while let [first, after @ ..] = rest {
            rest = after;
            match (first, after) {
                (TokenTree::Punct(hash), [TokenTree::Group(attribute), item @ ..]) if hash.as_char() == '#' => {
                    let attribute = attribute.stream().to_string().replace(' ', "");
                    if attribute == "cfg(test)" {
                        rest = after_item(item);
                    } else if let Some(path) = attribute.strip_prefix("path=") {
                        path_attribute = Some(path.trim_matches('"').to_owned());
                    }
                }
                (TokenTree::Ident(keyword), [TokenTree::Ident(name), body, ..]) if keyword == "mod" => {
                    let name = name.to_string();
                    let child = self.child(module, place, &name, body, path_attribute.take());
                    self.modules[module].children.insert(name, child);
                    rest = &after[2..];
                }
                (TokenTree::Ident(keyword), _) if keyword == "use" => {
                    let end = after.iter().position(|token| is_punct(token, ';')).unwrap_or(after.len());
                    self.modules[module].read_use(Vec::new(), &after[..end]);
                    rest = &after[end..];
                }
                (TokenTree::Ident(keyword), [TokenTree::Ident(name), ..]) if is_module && defines(keyword) => {
                    self.modules[module].items.insert(name.to_string());
                }
                (TokenTree::Ident(name), _) => {
                    let (names, after) = path(name.to_string(), after);
                    if names.len() > 1 {
                        self.modules[module].paths.insert(names);
                    }
                    rest = after;
                }
                (TokenTree::Group(group), _) => self.items(module, place, group.stream(), false),
                _ => {}
            }
        }
    }

    /// The module `name`, whose body follows or is a file.
    fn child(
        &mut self,
        parent: usize,
        place: &Place,
        name: &str,
        body: &TokenTree,
        path_attribute: Option<String>,
    ) -> usize {
        if let TokenTree::Group(body) = body {
            let file = self.modules[parent].file.clone();
            let place = Place { children: place.children.join(name), ..place.clone() };
            return self.module(&file, Some(parent), &place, body.stream());
        }
        if let Some(path) = path_attribute {
            let file = place.folder.join(path);
            let folder = file.parent().unwrap().to_owned();
            return self.file(&file, Some(parent), &Place { children: folder.clone(), folder });
        }
        let children = place.children.join(name);
        let beside = place.children.join(format!("{name}.rs"));
        if beside.exists() {
            return self.file(&beside, Some(parent), &Place { folder: place.children.clone(), children });
        }
        self.file(&children.join("mod.rs"), Some(parent), &Place { folder: children.clone(), children })
    }
}

impl Module {
    /// Reads a tree of a `use`, of which these names came before.
    fn read_use(&mut self, mut names: Names, tokens: &[TokenTree]) {
        let mut alias = None;
        let mut tokens = tokens.iter();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(name) if name == "as" => alias = tokens.next().map(ToString::to_string),
                TokenTree::Ident(name) => names.push(name.to_string()),
                TokenTree::Punct(star) if star.as_char() == '*' => {
                    self.paths.insert(names.clone());
                    return self.globs.push(names);
                }
                TokenTree::Group(group) => return self.read_uses(&names, group),
                _ => {}
            }
        }
        if names.last().is_some_and(|last| last == "self") && names.len() > 1 {
            names.pop();
        }
        let Some(name) = alias.or_else(|| names.last().cloned()) else { return };
        self.paths.insert(names.clone());
        self.uses.insert(name, names);
    }

    fn read_uses(&mut self, names: &Names, group: &Group) {
        let tokens: Vec<_> = group.stream().into_iter().collect();
        for tree in tokens.split(|token| is_punct(token, ',')).filter(|tree| !tree.is_empty()) {
            self.read_use(names.clone(), tree);
        }
    }
}

/// The path that begins with `first`, and what follows it.
fn path(first: String, mut rest: &[TokenTree]) -> (Names, &[TokenTree]) {
    let mut names = vec![first];
    while let [one, two, TokenTree::Ident(name), after @ ..] = rest
        && is_punct(one, ':')
        && is_punct(two, ':')
    {
        names.push(name.to_string());
        rest = after;
    }
    (names, rest)
}

/// What follows an item: its end is a semicolon, or a body.
fn after_item(tokens: &[TokenTree]) -> &[TokenTree] {
    let is_use = tokens.iter().take(3).any(|token| token.to_string() == "use");
    let is_body = |token: &TokenTree| matches!(token, TokenTree::Group(it) if it.delimiter() == Delimiter::Brace);
    let end = tokens.iter().position(|token| is_punct(token, ';') || !is_use && is_body(token));
    end.map_or(&[], |end| &tokens[end + 1..])
}

fn defines(keyword: &proc_macro2::Ident) -> bool {
    ["fn", "struct", "enum", "trait", "type", "const", "static", "union"].iter().any(|known| keyword == known)
}

fn is_punct(token: &TokenTree, char: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == char)
}
