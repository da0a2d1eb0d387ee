//! Rules for each source file: its length, its crate docs, and words that have no place in it.

use std::path::Path;

use super::Finding;

/// What a file aims at; longer ones are listed.
pub(super) const LINES_AIMED_AT: usize = 400;
const LINES_AT_MOST: usize = 600;

const UNFINISHED: &[&str] = &["TODO", "FIXME", "todo!", "unimplemented!", "dbg!"];
const CRATE_ROOTS: &[&str] = &["src/lib.rs", "src/main.rs"];
const WORDS_OF_A_SENTENCE: usize = 3;

/// Whether `path` is Rust code of a crate, as opposed to its tests.
pub(super) fn is_source(path: &str) -> bool {
    let below_src = path.starts_with("xtask/src/")
        || path.strip_prefix("crates/").is_some_and(|rest| rest.contains("/src/"));
    let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
    let is_rust = Path::new(path).extension().is_some_and(|extension| extension == "rs");
    below_src && is_rust && !is_test
}

/// The lines before the tests, with their numbers from 0.
pub(super) fn before_tests(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let tests_begin = text.lines().zip(text.lines().skip(1)).position(|(attribute, item)| {
        attribute.trim() == "#[cfg(test)]" && item.trim().starts_with("mod tests {")
    });
    text.lines().enumerate().take(tests_begin.unwrap_or(usize::MAX))
}

/// How many lines a file has without its tests.
pub(super) fn production_lines(text: &str) -> usize {
    before_tests(text).count()
}

/// Checks one source file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = production_lines(text);
    if lines > LINES_AT_MOST {
        let problem = format!("{lines} lines without tests, {LINES_AT_MOST} at most: split it");
        findings.push(Finding::new(path, LINES_AT_MOST, problem));
    }
    if CRATE_ROOTS.iter().any(|root| path.ends_with(root)) && !has_crate_docs(text) {
        findings.push(Finding::new(
            path,
            0,
            "a crate begins with a `//!` sentence about its story",
        ));
    }
    // This tool has to name the words that it bans.
    if path.starts_with("crates/") {
        findings.extend(unfinished(path, text));
        findings.extend(silenced_without_reason(path, text));
    }
    findings
}

fn has_crate_docs(text: &str) -> bool {
    let docs = text.lines().map_while(|line| line.strip_prefix("//!"));
    docs.flat_map(str::split_whitespace).count() >= WORDS_OF_A_SENTENCE
}

fn unfinished(path: &str, text: &str) -> Vec<Finding> {
    before_tests(text)
        .flat_map(|(number, line)| {
            let words = UNFINISHED.iter().filter(move |word| has_word(line, word));
            words.map(move |word| {
                Finding::new(path, number, format!("`{word}` is not finished work"))
            })
        })
        .collect()
}

fn silenced_without_reason(path: &str, text: &str) -> Vec<Finding> {
    let lines: Vec<_> = before_tests(text).collect();
    let openings = ["#[allow(", "#![allow(", "#[expect(", "#![expect("];
    lines
        .iter()
        .enumerate()
        .filter(|(_, (_, line))| openings.iter().any(|opening| line.trim().starts_with(opening)))
        .filter(|(at, _)| !attribute(&lines[*at..]).contains("reason ="))
        .map(|(_, (number, _))| {
            Finding::new(path, *number, "a lint is silenced without `reason =`")
        })
        .collect()
}

/// The text of an attribute that begins on the first line.
fn attribute(lines: &[(usize, &str)]) -> String {
    let end = lines.iter().position(|(_, line)| line.trim_end().ends_with(']'));
    let whole = &lines[..=end.unwrap_or(lines.len() - 1)];
    whole.iter().map(|(_, line)| *line).collect::<Vec<_>>().join(" ")
}

/// Whether `word` stands in `line` by itself and not as a part of a longer name.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let part_of_name = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let starts_earlier = before.is_some_and(part_of_name);
        // `todo!` ends by itself, whatever follows.
        let goes_on = word.ends_with(part_of_name) && after.is_some_and(part_of_name);
        !starts_earlier && !goes_on
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "crates/model/src/lib.rs";
    const FILE: &str = "crates/model/src/user.rs";

    #[track_caller]
    fn check_text(path: &str, text: &str, expected: &[(usize, &str)]) {
        let found = check(path, text);
        let found: Vec<_> = found.iter().map(|f| (f.line, f.problem.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn sources_are_told_from_tests() {
        for path in [FILE, LIB, "xtask/src/main.rs", "crates/web/src/oauth/token.rs"] {
            assert!(is_source(path), "{path}");
        }
        for path in [
            "crates/web/tests/login.rs",
            "crates/web/src/oauth/tests.rs",
            "crates/web/src/oauth/tests/token.rs",
            "crates/web/src/page.html",
            "clients/src/main.rs",
        ] {
            assert!(!is_source(path), "{path}");
        }
    }

    #[test]
    fn length_is_counted_without_tests() {
        let tests = "#[cfg(test)]\nmod tests {\n".to_owned() + &"// long\n".repeat(700);
        let at_most = "fn f() {}\n".repeat(600);
        check_text(FILE, &(at_most.clone() + &tests), &[]);
        check_text(
            FILE,
            &(at_most + "fn g() {}\n" + &tests),
            &[(601, "601 lines without tests, 600 at most: split it")],
        );
    }

    #[test]
    fn only_an_inline_test_module_ends_the_checks() {
        let text = "#[cfg(test)]\nmod tests;\nfn f() { todo!() }\n";
        check_text(FILE, text, &[(3, "`todo!` is not finished work")]);
    }

    #[test]
    fn a_crate_begins_with_a_sentence() {
        let missing = [(1, "a crate begins with a `//!` sentence about its story")];
        check_text(LIB, "pub mod user;\n", &missing);
        check_text(LIB, "//! model\npub mod user;\n", &missing);
        check_text(LIB, "//! Records and their rules.\npub mod user;\n", &[]);
        check_text(FILE, "pub struct User;\n", &[]);
    }

    #[test]
    fn unfinished_words_are_found() {
        for word in UNFINISHED {
            let problem = format!("`{word}` is not finished work");
            check_text(FILE, &format!("// a {word}: later\n"), &[(1, &problem)]);
        }
    }

    #[test]
    fn words_inside_names_and_in_tests_are_not() {
        check_text(FILE, "const AUTODOC: u8 = 1; // TODOS my_todo!(1)\n", &[]);
        check_text(FILE, "#[cfg(test)]\nmod tests {\n    // TODO\n}\n", &[]);
    }

    #[test]
    fn a_silenced_lint_tells_why() {
        let problem = "a lint is silenced without `reason =`";
        check_text(FILE, "#[allow(dead_code)]\nfn f() {}\n", &[(1, problem)]);
        check_text(FILE, "#![expect(dead_code)]\n", &[(1, problem)]);
        check_text(FILE, "#[allow(\n    dead_code,\n)]\n// reason = none\n", &[(1, problem)]);
        check_text(FILE, "#[allow(dead_code, reason = \"wire shape\")]\n", &[]);
        check_text(FILE, "#[allow(\n    dead_code,\n    reason = \"wire shape\"\n)]\n", &[]);
    }
}
