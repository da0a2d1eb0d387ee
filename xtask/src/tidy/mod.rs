//! The rules of the house that no compiler knows.
//!
//! Every rule is a pure function over (path, text). This file walks the tree, asks them all and
//! prints what they found; `cargo test -p xtask` asks too.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fmt, fs, io};

mod borders;
mod documents;
mod floors;
mod local_paths;
mod manifest;
mod source;

/// Folders that hold nothing of ours.
const NOT_OURS: &[&str] = &[".git", ".strongroom", ".venv", "node_modules", "target"];

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    problem: String,
}

impl Finding {
    /// `index` counts lines from 0, as iterators do.
    fn new(path: &str, index: usize, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: index + 1, problem: problem.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.problem)
    }
}

/// Checks the tree below `root`, prints what is wrong and which files grow long.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root).map_err(|error| format!("reading the tree: {error}"))?;
    for (path, lines) in tree.long_files() {
        println!("long: {path} has {lines} lines without tests");
    }
    let findings = tree.findings();
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(format!("tidy: {count} to mend")),
    }
}

/// What stands in the checkout, by paths relative to its root with `/` between.
struct Tree {
    files: Vec<TextFile>,
    /// Every file and folder, those that are not text too.
    paths: BTreeSet<String>,
}

struct TextFile {
    path: String,
    text: String,
}

impl Tree {
    fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self { files: Vec::new(), paths: BTreeSet::new() };
        tree.read_folder(root, "")?;
        tree.files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            if NOT_OURS.contains(&name.as_str()) || kind.is_symlink() {
                continue;
            }
            let path = format!("{prefix}{name}");
            if kind.is_dir() {
                self.read_folder(&entry.path(), &format!("{path}/"))?;
            } else if let Ok(text) = String::from_utf8(fs::read(entry.path())?) {
                self.files.push(TextFile { path: path.clone(), text });
            }
            self.paths.insert(path);
        }
        Ok(())
    }

    fn findings(&self) -> Vec<Finding> {
        let workspace = self.text_of("Cargo.toml").map_or_else(Default::default, manifest::members);
        let mut findings = Vec::new();
        for TextFile { path, text } in &self.files {
            findings.extend(local_paths::check(path, text));
            if path.ends_with("/Cargo.toml") {
                findings.extend(floors::check(path, text, &workspace));
            }
            if source::is_source(path) {
                findings.extend(source::check(path, text));
                findings.extend(borders::check(path, text));
            }
            if documents::PROMISING.contains(&path.as_str()) {
                findings.extend(documents::check(path, text, &self.paths));
            }
        }
        findings
    }

    fn long_files(&self) -> impl Iterator<Item = (&str, usize)> {
        let sources = self.files.iter().filter(|file| source::is_source(&file.path));
        sources
            .map(|file| (file.path.as_str(), source::production_lines(&file.text)))
            .filter(|(_, lines)| *lines > source::LINES_AIMED_AT)
    }

    fn text_of(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let tree = Tree::read(crate::root()).unwrap();
        assert!(tree.paths.contains("xtask/src/tidy/mod.rs"), "the walk has lost its way");
        let findings = tree.findings();
        let list = findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(findings.is_empty(), "\n{list}");
    }

    #[test]
    fn the_walk_asks_every_rule() {
        let file = |path: &str, text: &str| TextFile { path: path.into(), text: text.into() };
        let tree = Tree {
            files: vec![
                file("Cargo.toml", "[workspace.dependencies]\nweb = { path = \"crates/web\" }\n"),
                file("README.md", "See `crates/gone`.\n"),
                file("crates/engine/Cargo.toml", "[dependencies]\nweb.workspace = true\n"),
                file("crates/engine/src/app.rs", "use axum::Router;\nfn a() { todo!() }\n"),
                file("docs/setup.md", "cd /home/ada/strongroom\n"),
            ],
            paths: BTreeSet::from(["crates".to_owned()]),
        };
        let found: Vec<_> = tree.findings().iter().map(|found| found.path.clone()).collect();
        let expected = [
            "README.md",
            "crates/engine/Cargo.toml",
            "crates/engine/src/app.rs",
            "crates/engine/src/app.rs",
            "docs/setup.md",
        ];
        assert_eq!(found, expected);
    }
}
