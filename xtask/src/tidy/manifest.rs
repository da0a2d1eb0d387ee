//! As much of `Cargo.toml` as the floors need: who depends on whom.

use std::collections::BTreeMap;

/// One dependency as a crate's manifest names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dependency<'a> {
    pub(super) name: &'a str,
    pub(super) for_tests: bool,
    /// Whether version, path and features come from the workspace's table.
    pub(super) inherited: bool,
    /// Counted from 0.
    pub(super) line: usize,
}

/// The workspace's own crates: the name to depend on, and the folder below `crates/`.
pub(super) type Members = BTreeMap<String, String>;

/// Reads `[workspace.dependencies]` of the root manifest.
pub(super) fn members(root_manifest: &str) -> Members {
    let entries = lines_by_section(root_manifest);
    let shared = entries.filter(|(section, ..)| *section == "workspace.dependencies");
    shared
        .filter_map(|(_, _, line)| {
            let folder = line.split("path = \"crates/").nth(1)?.split('"').next()?;
            Some((key(line).to_owned(), folder.to_owned()))
        })
        .collect()
}

/// Reads every dependency section of a crate's manifest, those of single targets too.
pub(super) fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found: Vec<Dependency<'_>> = Vec::new();
    for (section, line, text) in lines_by_section(manifest) {
        let Some((for_tests, table)) = dependency_section(section) else { continue };
        let name = table.unwrap_or_else(|| key(text));
        if table.is_some() && found.last().is_some_and(|last| last.name == name) {
            continue;
        }
        // `[dependencies.name]` is never taken as inherited: one spelling is enough.
        let inherited = table.is_none() && text.contains("workspace = true");
        found.push(Dependency { name, for_tests, inherited, line });
    }
    found
}

/// Lines with content, each with the section it stands in and its number from 0.
fn lines_by_section(manifest: &str) -> impl Iterator<Item = (&str, usize, &str)> {
    let mut section = "";
    manifest.lines().enumerate().filter_map(move |(number, line)| {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            return None;
        }
        let content = !line.is_empty() && !line.starts_with('#');
        content.then_some((section, number, line))
    })
}

/// Whether a section lists dependencies: for tests only?, and the one it is about.
fn dependency_section(section: &str) -> Option<(bool, Option<&str>)> {
    let kinds =
        [("dev-dependencies", true), ("build-dependencies", false), ("dependencies", false)];
    kinds.into_iter().find_map(|(word, for_tests)| {
        let (before, after) = section.rsplit_once(word)?;
        let whole_word = before.is_empty() || before.ends_with('.');
        let table = after.strip_prefix('.');
        (whole_word && (after.is_empty() || table.is_some())).then_some((for_tests, table))
    })
}

fn key(line: &str) -> &str {
    line.split(['.', '=', ' ']).next().unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_names_its_crates() {
        let members = members(
            "[workspace.dependencies]\nclient = { path = \"crates/client\", package = \"x\" }\n\
             serde = \"1\"\n[workspace.lints]\nother = { path = \"crates/other\" }\n",
        );
        assert_eq!(members, Members::from([("client".into(), "client".into())]));
    }

    #[test]
    fn every_kind_of_section_is_read() {
        let manifest = "[package]\nname = \"a\"\n[dependencies]\n# note\nb.workspace = true\n\
            c = { workspace = true }\nd = \"1\"\n[dev-dependencies]\ne.workspace = true\n\
            [target.'cfg(unix)'.dependencies]\nf.workspace = true\n\
            [build-dependencies.g]\nworkspace = true\noptional = true\n";
        let read: Vec<_> = dependencies(manifest)
            .into_iter()
            .map(|dependency| (dependency.name, dependency.for_tests, dependency.inherited))
            .collect();
        let expected = [
            ("b", false, true),
            ("c", false, true),
            ("d", false, false),
            ("e", true, true),
            ("f", false, true),
            ("g", false, false),
        ];
        assert_eq!(read, expected);
    }
}
