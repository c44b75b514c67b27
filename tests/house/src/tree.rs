//! A crate's modules, from its root on, and what a path in one of them leads to.
//!
//! A path is followed through `use` lines to the file that defines the item: an
//! import of a re-export is an arrow to the file behind it. The re-exporting line of
//! a parent is none, nor is a path that ends at a module; `mod child;` is no import.
//! A glob is an arrow to everything behind it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::text::Text;

/// No chain of `use` lines is this long, except one that goes in a circle.
const LONGEST_CHAIN: usize = 12;

/// Sources by path from the root of the workspace.
pub(crate) type Sources = BTreeMap<String, String>;

/// One library, program or test program.
pub(crate) struct Tree {
    modules: Vec<Module>,
}

struct Module {
    file: String,
    parent: Option<usize>,
    names: HashMap<String, Vec<Name>>,
    text: Text,
}

#[derive(Clone, Copy)]
enum Name {
    /// An item of this module, or a macro that one exports to the root.
    Item(usize),
    Module(usize),
    Import(usize),
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq)]
enum Target {
    Item(usize),
    Module(usize),
    /// A path of another crate, or a name that is nobody's.
    Outside(Vec<String>),
}

/// A file uses an item that another file defines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) line: usize,
    /// As it is written there.
    pub(crate) path: String,
}

/// A file names something of another crate, as it is called from outside.
pub(crate) struct Mention {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) path: String,
}

/// The file that `path` names in `#[path = "…"]`, as it is seen from `file`.
fn beside(file: &str, path: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

impl Tree {
    /// The crate whose root is this file.
    pub(crate) fn read(sources: &Sources, root: &str) -> Result<Self, String> {
        let mut tree = Self { modules: Vec::new() };
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        tree.file(sources, root, folder, None)?;
        Ok(tree)
    }

    fn file(
        &mut self,
        sources: &Sources,
        file: &str,
        folder: &str,
        parent: Option<usize>,
    ) -> Result<usize, String> {
        let source = sources.get(file).ok_or_else(|| format!("{file} is missing"))?;
        let text = Text::read(source).map_err(|wrong| format!("{file}: {wrong}"))?;
        self.module(sources, file, folder, parent, text)
    }

    /// Adds a module and those within it; `folder` is where its children's files are.
    fn module(
        &mut self,
        sources: &Sources,
        file: &str,
        folder: &str,
        parent: Option<usize>,
        mut text: Text,
    ) -> Result<usize, String> {
        let number = self.modules.len();
        let mut names: HashMap<String, Vec<Name>> = HashMap::new();
        for item in &text.items {
            names.entry(item.clone()).or_default().push(Name::Item(number));
        }
        for (index, import) in text.imports.iter().enumerate() {
            if let Some(name) = &import.name {
                names.entry(name.clone()).or_default().push(Name::Import(index));
            }
        }
        let declared = std::mem::take(&mut text.modules);
        let exported = std::mem::take(&mut text.exported_macros);
        self.modules.push(Module { file: file.to_owned(), parent, names, text });
        for name in exported {
            self.modules[0].names.entry(name).or_default().push(Name::Item(number));
        }
        for child in declared {
            let inside = format!("{folder}/{}", child.name);
            let module = match (child.inline, child.path) {
                (Some(text), _) => self.module(sources, file, &inside, Some(number), text)?,
                (None, Some(path)) => {
                    let file = beside(file, &path);
                    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
                    self.file(sources, &file, &folder, Some(number))?
                }
                (None, None) => {
                    let flat = format!("{inside}.rs");
                    let file = if sources.contains_key(&flat) { flat } else { format!("{inside}/mod.rs") };
                    self.file(sources, &file, &inside, Some(number))?
                }
            };
            self.modules[number].names.entry(child.name).or_default().push(Name::Module(module));
        }
        Ok(number)
    }

    /// All files of the crate.
    pub(crate) fn files(&self) -> BTreeSet<&str> {
        self.modules.iter().map(|module| module.file.as_str()).collect()
    }

    /// All arrows, the first of each two files.
    pub(crate) fn arrows(&self) -> Vec<Arrow> {
        let mut arrows: BTreeMap<(String, String), Arrow> = BTreeMap::new();
        self.each_use(|module, path, line, target| {
            let Target::Item(defining) = target else { return };
            let (from, to) = (&self.modules[module].file, &self.modules[defining].file);
            if from != to {
                let arrow = Arrow { from: from.clone(), to: to.clone(), line, path: path.join("::") };
                let first = arrows.entry((from.clone(), to.clone())).or_insert_with(|| arrow.clone());
                if line < first.line {
                    *first = arrow;
                }
            }
        });
        arrows.into_values().collect()
    }

    /// All that is named of other crates.
    pub(crate) fn mentions(&self) -> Vec<Mention> {
        let mut mentions = Vec::new();
        self.each_use(|module, _, line, target| {
            if let Target::Outside(path) = target {
                mentions.push(Mention {
                    file: self.modules[module].file.clone(),
                    line,
                    path: path.join("::"),
                });
            }
        });
        mentions
    }

    fn each_use(&self, mut each: impl FnMut(usize, &[String], usize, Target)) {
        for (number, module) in self.modules.iter().enumerate() {
            for (index, import) in module.text.imports.iter().enumerate() {
                let targets = self.resolve(number, &import.path, Some(index), 0);
                let behind = targets.into_iter().flat_map(|target| match (target, &import.name) {
                    (Target::Module(behind), None) => self.behind(behind),
                    (target, _) => vec![target],
                });
                for target in behind {
                    if !(import.public && self.beneath(&target, number)) {
                        each(number, &import.path, import.line, target);
                    }
                }
            }
            for named in &module.text.named {
                for target in self.resolve(number, &named.path, None, 0) {
                    each(number, &named.path, named.line, target);
                }
            }
        }
    }

    /// What a glob of this module brings.
    fn behind(&self, module: usize) -> Vec<Target> {
        let Module { text, .. } = &self.modules[module];
        let items = (!text.items.is_empty()).then_some(Target::Item(module));
        let imports = text.imports.iter().enumerate().filter(|(_, import)| import.public);
        items
            .into_iter()
            .chain(imports.flat_map(|(index, import)| self.resolve(module, &import.path, Some(index), 0)))
            .collect()
    }

    /// Whether what is re-exported belongs to a child.
    fn beneath(&self, target: &Target, module: usize) -> bool {
        let (Target::Item(of) | Target::Module(of)) = target else { return false };
        std::iter::successors(self.modules[*of].parent, |of| self.modules[*of].parent).any(|of| of == module)
    }

    /// Follows a path from a module on; `except` is the import that is being followed.
    fn resolve(&self, module: usize, path: &[String], except: Option<usize>, depth: usize) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let outside =
            || vec![Target::Outside(path.iter().filter(|name| !name.is_empty()).cloned().collect())];
        if depth > LONGEST_CHAIN || first.is_empty() {
            return outside();
        }
        let start = match first.as_str() {
            "crate" => vec![Target::Module(0)],
            "self" => vec![Target::Module(module)],
            "super" => vec![Target::Module(self.modules[module].parent.unwrap_or(module))],
            name => self.find(module, name, !rest.is_empty(), except, depth),
        };
        if start.is_empty() {
            return outside();
        }
        start.into_iter().flat_map(|target| self.walk(target, rest, depth)).collect()
    }

    fn walk(&self, target: Target, rest: &[String], depth: usize) -> Vec<Target> {
        match (target, rest.split_first()) {
            (Target::Outside(mut path), _) => {
                path.extend_from_slice(rest);
                vec![Target::Outside(path)]
            }
            (Target::Module(module), Some((name, rest))) if name == "super" => {
                self.walk(Target::Module(self.modules[module].parent.unwrap_or(module)), rest, depth)
            }
            (Target::Module(module), Some((name, rest))) => {
                let found = self.find(module, name, !rest.is_empty(), None, depth + 1);
                if found.is_empty() {
                    // Made by a macro.
                    return vec![Target::Item(module)];
                }
                found.into_iter().flat_map(|target| self.walk(target, rest, depth + 1)).collect()
            }
            (target, _) => vec![target],
        }
    }

    /// All that a name means in a module; where more names follow, modules and imports first.
    fn find(
        &self,
        module: usize,
        name: &str,
        followed: bool,
        except: Option<usize>,
        depth: usize,
    ) -> Vec<Target> {
        if depth > LONGEST_CHAIN {
            return Vec::new();
        }
        let Module { names, text, .. } = &self.modules[module];
        let found = names.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut targets: Vec<Target> = found
            .iter()
            .flat_map(|found| match *found {
                Name::Item(module) => vec![Target::Item(module)],
                Name::Module(module) => vec![Target::Module(module)],
                Name::Import(index) if except == Some(index) => Vec::new(),
                Name::Import(index) => {
                    self.resolve(module, &text.imports[index].path, Some(index), depth + 1)
                }
            })
            .collect();
        if targets.is_empty() {
            let globs = text
                .imports
                .iter()
                .enumerate()
                .filter(|(index, import)| import.name.is_none() && except != Some(*index));
            targets = globs
                .flat_map(|(index, import)| self.resolve(module, &import.path, Some(index), depth + 1))
                .filter_map(|target| if let Target::Module(behind) = target { Some(behind) } else { None })
                .flat_map(|behind| self.find(behind, name, followed, None, depth + 1))
                .collect();
        }
        if followed && targets.iter().any(|target| matches!(target, Target::Module(_))) {
            targets.retain(|target| matches!(target, Target::Module(_)));
        }
        targets
    }
}
