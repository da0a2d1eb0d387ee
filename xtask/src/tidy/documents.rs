//! A path that a document sets in backticks exists.

use std::collections::BTreeSet;

use super::Finding;

/// The documents that promise where things stand.
pub(super) const PROMISING: &[&str] =
    &["ARCHITECTURE.md", "CONTRIBUTING.md", "DIVERGENCES.md", "README.md", "SECURITY.md"];

/// Made by running things, so absent from a fresh clone.
const MADE_LATER: &[&str] = &[".strongroom", ".venv", "node_modules", "target"];

/// Checks one document against every file and folder of the tree.
pub(super) fn check(path: &str, text: &str, tree: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        let in_backticks = line.split('`').skip(1).step_by(2);
        for span in in_backticks.filter(|span| is_path(span, tree) && !exists(span, tree)) {
            findings.push(Finding::new(path, number, format!("`{span}` does not exist")));
        }
    }
    findings
}

/// Whether a span means a file or folder of ours: a Rust or Markdown file by its ending, or
/// anything with a slash whose beginning is ours. Routes begin with a slash, URLs have a scheme.
fn is_path(span: &str, tree: &BTreeSet<String>) -> bool {
    let span = span.strip_prefix("./").unwrap_or(span);
    let strange = |c: char| c.is_whitespace() || matches!(c, ':' | '(' | '=' | '"' | '&' | '?');
    let first = span.split('/').next().unwrap_or(span);
    if span.starts_with('/') || span.contains(strange) || MADE_LATER.contains(&first) {
        return false;
    }
    let by_ending = ["rs", "md"].iter().any(|ending| {
        span.strip_suffix(ending).is_some_and(|stem| stem.ends_with('.') && stem.len() > 1)
    });
    let ours = tree.contains(first) || tree.contains(&format!("crates/{first}"));
    by_ending || (span.contains('/') && ours)
}

/// `crates/web/src/form.rs`, `web/src/form.rs`, `web/form.rs` and `form.rs` all name one file.
fn exists(span: &str, tree: &BTreeSet<String>) -> bool {
    let span = span.strip_prefix("./").unwrap_or(span);
    let pattern = |c: char| matches!(c, '*' | '<' | '{' | '…');
    // Of a pattern, the part before the first variable segment has to exist.
    let fixed: Vec<_> = span.split('/').take_while(|segment| !segment.contains(pattern)).collect();
    let fixed = fixed.join("/");
    let fixed = fixed.trim_end_matches('/');
    if fixed.is_empty() || tree.contains(fixed) {
        return true;
    }
    let Some((first, rest)) = fixed.split_once('/') else {
        let as_crate = tree.contains(&format!("crates/{fixed}"));
        return as_crate || tree.iter().any(|path| path.ends_with(&format!("/{fixed}")));
    };
    tree.contains(&format!("crates/{first}/{rest}"))
        || tree.contains(&format!("crates/{first}/src/{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> BTreeSet<String> {
        let paths = [
            "README.md",
            "crates",
            "crates/web",
            "crates/web/src",
            "crates/web/src/form.rs",
            "crates/store",
            "crates/store/migrations",
            "crates/store/migrations/sqlite",
            "deny.toml",
        ];
        paths.into_iter().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check_text(text: &str, expected: &[&str]) {
        let found = check("README.md", text, &tree());
        let found: Vec<_> = found.iter().map(|finding| finding.problem.as_str()).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_path_that_does_not_exist_is_found() {
        check_text("in `crates/web/src/gone.rs`", &["`crates/web/src/gone.rs` does not exist"]);
        check_text("in `web/gone.rs`", &["`web/gone.rs` does not exist"]);
        check_text("in `gone.rs`", &["`gone.rs` does not exist"]);
        check_text("in `GONE.md`", &["`GONE.md` does not exist"]);
        check_text(
            "in `store/fixtures/<provider>`",
            &["`store/fixtures/<provider>` does not exist"],
        );
        check_text("in `./crates/gone/`", &["`./crates/gone/` does not exist"]);
    }

    #[test]
    fn every_spelling_of_a_path_that_exists_is_fine() {
        for span in [
            "crates/web/src/form.rs",
            "web/src/form.rs",
            "web/form.rs",
            "form.rs",
            "./README.md",
            "crates/web/",
            "store/migrations/*/0001_init.sql",
            "store/migrations/{sqlite,postgres}",
        ] {
            check_text(&format!("in `{span}`"), &[]);
        }
    }

    #[test]
    fn other_spans_are_not_paths() {
        for span in [
            "/oauth/token",
            "application/json",
            "https://example.com/crates/gone.rs",
            "cargo run -- dev",
            "./.strongroom/keys",
            "target/debug/strongroom",
            "Option<T>",
        ] {
            check_text(&format!("in `{span}`"), &[]);
        }
        check_text("```\ncrates/`gone.rs`\n```\n", &[]);
    }
}
