//! Names that may be spoken in some files only.

use super::Finding;
use super::source::{before_tests, has_word};

struct Border {
    words: &'static [&'static str],
    /// Where the rule holds: beginnings of paths.
    within: &'static str,
    /// Where the words are at home: beginnings of paths.
    home: &'static [&'static str],
    why: &'static str,
}

const BORDERS: &[Border] = &[
    Border {
        words: &["rusqlite", "tokio_postgres", "deadpool_postgres"],
        within: "crates/",
        home: &["crates/store/src/db.rs", "crates/store/src/db/", "crates/store/src/db_"],
        why: "only store's db files know the SQL engines",
    },
    Border {
        words: &["reqwest"],
        within: "crates/engine/",
        home: &["crates/engine/src/outbound.rs", "crates/engine/src/outbound/"],
        why: "calls to the outside leave through engine's outbound.rs",
    },
    Border {
        words: &["axum"],
        within: "crates/engine/",
        home: &[],
        why: "engine does not know that it is served over HTTP",
    },
];

/// The folders of `crates/web/src` that do not see each other.
const SURFACES: &[&str] = &["oauth", "account", "management", "pages", "dashboard", "operations"];
const WEB: &str = "crates/web/src/";

/// Checks one source file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let code = || before_tests(text).filter(|(_, line)| !line.trim_start().starts_with("//"));
    let mut findings = Vec::new();
    for border in BORDERS {
        let at_home = border.home.iter().any(|home| path.starts_with(home));
        if at_home || !path.starts_with(border.within) {
            continue;
        }
        for (number, line) in code() {
            for word in border.words.iter().filter(|word| has_word(line, word)) {
                findings.push(Finding::new(path, number, format!("`{word}`: {}", border.why)));
            }
        }
    }
    if let Some(own) = surface_of(path) {
        for (number, line) in code() {
            for other in SURFACES.iter().filter(|other| **other != own) {
                if has_word(line, &format!("crate::{other}")) {
                    let problem = format!("the surface `{own}` imports the surface `{other}`");
                    findings.push(Finding::new(path, number, problem));
                }
            }
        }
    }
    findings
}

fn surface_of(path: &str) -> Option<&str> {
    let first = path.strip_prefix(WEB)?.split('/').next()?;
    SURFACES.contains(&first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_line(path: &str, line: &str, expected: Option<&str>) {
        let found = check(path, line);
        let found: Vec<_> = found.iter().map(|finding| finding.problem.as_str()).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{path}: {line}");
    }

    #[test]
    fn sql_engines_are_known_to_the_db_files_only() {
        let why = "only store's db files know the SQL engines";
        for word in ["rusqlite", "tokio_postgres", "deadpool_postgres"] {
            let line = format!("use {word}::Row;");
            let problem = format!("`{word}`: {why}");
            check_line("crates/store/src/users.rs", &line, Some(&problem));
            check_line("crates/engine/src/app.rs", &line, Some(&problem));
            check_line("crates/store/src/db.rs", &line, None);
            check_line("crates/store/src/db/postgres.rs", &line, None);
        }
    }

    #[test]
    fn engine_calls_out_through_one_file() {
        let line = "    let client = reqwest::Client::new();";
        let problem = "`reqwest`: calls to the outside leave through engine's outbound.rs";
        check_line("crates/engine/src/login.rs", line, Some(problem));
        check_line("crates/engine/src/outbound.rs", line, None);
        check_line("crates/client/src/lib.rs", line, None);
    }

    #[test]
    fn engine_does_not_know_axum() {
        let problem = "`axum`: engine does not know that it is served over HTTP";
        check_line("crates/engine/src/app.rs", "use axum::Router;", Some(problem));
        check_line("crates/web/src/routes.rs", "use axum::Router;", None);
    }

    #[test]
    fn surfaces_do_not_see_each_other() {
        let problem = "the surface `oauth` imports the surface `pages`";
        check_line("crates/web/src/oauth/token.rs", "use crate::pages::login;", Some(problem));
        check_line("crates/web/src/oauth/token.rs", "use crate::oauth::revoke;", None);
        check_line("crates/web/src/oauth/token.rs", "use crate::form::Form;", None);
        check_line("crates/web/src/routes.rs", "use crate::pages::login;", None);
    }

    #[test]
    fn comments_and_tests_may_speak_of_anything() {
        check_line("crates/engine/src/app.rs", "// reqwest follows redirects", None);
        let test = "#[cfg(test)]\nmod tests {\n    use axum::Router;\n}\n";
        check_line("crates/engine/src/app.rs", test, None);
    }
}
