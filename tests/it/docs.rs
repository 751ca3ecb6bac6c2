//! Documents: their links resolve, and they cover what they must. Their commands are in [`super::pasted`].

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use chattrix::hub::CloseReason;
use chattrix::wire::ErrorType;

use crate::layers::sources;

/// The root of the project.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The text of a file of the project.
pub fn text(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of the project, as paths from its root.
pub fn documents() -> Vec<String> {
    let markdown = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(Path::new(ROOT).join(folder)).expect("the folder is there");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let is_markdown = |path: &PathBuf| path.extension().is_some_and(|end| end == "md");
        let names = paths.filter(is_markdown).filter_map(|path| {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
        });
        names.collect()
    };
    let in_docs = markdown("docs")
        .into_iter()
        .map(|name| format!("docs/{name}"));
    markdown(".").into_iter().chain(in_docs).collect()
}

/// The lines of `text` outside of its blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_block = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_block ^= fence;
        !in_block && !fence
    })
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// The words of `text` between back quotes.
fn quoted(text: &str) -> BTreeSet<&str> {
    prose(text)
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    for document in documents() {
        let whole = text(&document);
        let links = prose(&whole).flat_map(|line| line.split("](").skip(1));
        for link in links.filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(&document).parent().expect("a folder");
            let target = match path {
                "" => PathBuf::from(&document),
                path => folder.join(path),
            };
            let there = Path::new(ROOT).join(&target);
            assert!(
                there.exists(),
                "{document} links to {link}, which is not there"
            );
            let known = || anchors(&fs::read_to_string(&there).expect("a text")).contains(anchor);
            assert!(
                anchor.is_empty() || known(),
                "{document} links to {link}: no such heading"
            );
        }
    }
}

#[test]
fn every_error_type_is_explained() {
    let explained = text("docs/errors.md");
    for kind in ErrorType::ALL {
        let heading = format!("### `{}`\n\n", kind.as_str());
        let (_, section) = explained
            .split_once(&heading)
            .unwrap_or_else(|| panic!("docs/errors.md lacks {}", kind.as_str()));
        let first_line = section.lines().next().unwrap_or_default();
        let status = format!("HTTP {}", kind.status());
        assert!(
            first_line.contains(&status) || kind == ErrorType::ParseError,
            "docs/errors.md: {} is {status}, not {first_line:?}",
            kind.as_str()
        );
    }
}

#[test]
fn every_close_code_is_explained() {
    let errors = text("docs/errors.md");
    let rows = errors.lines().filter(|line| line.starts_with('|'));
    let first_cells: Vec<_> = rows.filter_map(|row| row.split('|').nth(1)).collect();
    for code in CloseReason::ALL.map(|close| close.code().to_string()) {
        assert!(
            first_cells.iter().any(|cell| cell.contains(&code)),
            "docs/errors.md lacks close code {code}"
        );
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = text("Cargo.toml");
    let (_, ours) = manifest
        .split_once("\n[dependencies]\n")
        .expect("dependencies");
    let (ours, _) = ours.split_once("\n[").expect("another table");
    let decisions = text("docs/decisions.md");
    let (_, reasons) = decisions
        .split_once("## Dependencies")
        .expect("the section");
    let lines = ours.lines().filter(|line| !line.starts_with('#'));
    for (name, value) in lines.filter_map(|line| line.split_once(" = ")) {
        let renamed = value
            .split("package = \"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let name = renamed.unwrap_or(name);
        let known = reasons
            .lines()
            .filter_map(|row| row.split('|').nth(1))
            .any(|cell| cell.split([',', ' ']).any(|word| word == name));
        assert!(
            known,
            "docs/decisions.md has no row that says why {name} is here"
        );
    }
}

#[test]
fn every_test_that_a_promise_names_is_there() {
    let security = text("docs/security.md");
    let mut code = String::new();
    for folder in ["tests/it", "src", "crates"] {
        for path in sources(&Path::new(ROOT).join(folder)) {
            code += &fs::read_to_string(path).expect("a source");
        }
    }
    for word in quoted(&security) {
        let is_file =
            Path::new(word).extension().is_some_and(|end| end == "rs") && !word.contains('/');
        let is_test = word.matches('_').count() >= 5;
        let name = word.trim_end_matches('…');
        assert!(
            !is_test || code.contains(&format!("fn {name}")),
            "there is no test {word}"
        );
        assert!(
            !is_file || Path::new(ROOT).join("tests/it").join(word).exists(),
            "there is no {word}"
        );
    }
}
