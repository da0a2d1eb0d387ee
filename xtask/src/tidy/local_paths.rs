//! No file tells on whose machine it was written.

use super::Finding;

/// Folders below which somebody's name or somebody's build stands.
const LOCAL: &[&str] = &["/home/", "/Users/", "/root/", "/work/", "/workspace/", "/builds/"];
/// These files name what they forbid.
const EXEMPT: &str = "xtask/src/tidy/";

/// Checks one text file of any kind.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    if path.starts_with(EXEMPT) {
        return Vec::new();
    }
    let lines = text.lines().enumerate();
    lines
        .filter_map(|(number, line)| {
            let folder = LOCAL.iter().find(|folder| has_local_path(line, folder))?;
            Some(Finding::new(path, number, format!("an absolute local path, `{folder}…`")))
        })
        .collect()
}

/// An absolute path to something two levels down: neither the tail of a URL nor a route like
/// `/Users/{id}`.
fn has_local_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let inside_longer_path =
            before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '}'));
        // `file:///home/…` is a local path all the same.
        let file_url = line[..at].ends_with("file://");
        let name_length = line[at + folder.len()..]
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-')))
            .unwrap_or(0);
        let goes_on = name_length > 0 && line[at + folder.len() + name_length..].starts_with('/');
        goes_on && (file_url || !inside_longer_path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_line(line: &str, expected: usize) {
        assert_eq!(check("docs/guide.md", line).len(), expected, "{line}");
    }

    #[test]
    fn somebodys_folder_is_found() {
        for folder in LOCAL {
            check_line(&format!("cd {folder}ada/strongroom"), 1);
        }
        check_line("\"path\": \"/home/ada/x\"", 1);
        check_line("see file:///home/ada/x", 1);
    }

    #[test]
    fn urls_routes_and_placeholders_are_not() {
        check_line("https://example.com/home/ada/x", 0);
        check_line("GET /Users/{id}", 0);
        check_line("GET /scim/v2/Users/1/groups", 0);
        check_line("/var/lib/strongroom", 0);
        check_line("the folder /home/", 0);
    }
}
