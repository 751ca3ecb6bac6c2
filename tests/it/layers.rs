//! Layers: the picture in `src/lib.rs` is what the imports show. A module imports only modules below its own line.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the modules of the picture, from the top down.
fn picture(root: &Path) -> Vec<String> {
    let text = fs::read_to_string(root.join("lib.rs")).expect("lib.rs");
    let lines = text.lines().skip_while(|line| *line != "//! ```text");
    let lines = lines.skip(1).take_while(|line| *line != "//! ```");
    // A line is `//! ` and a layer of 14 characters, then its module and what that is.
    let module = |line: &str| line.get(18..)?.split_whitespace().next().map(str::to_owned);
    lines.filter_map(module).collect()
}

/// Returns the Rust files under `folder`.
pub fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

/// Returns the modules that `text` imports by `crate::` or, from the binary, `chattrix::`; tests left out.
fn imports(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().expect("a part");
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let name = |after: &str| {
        let end = after.find(|char: char| !char.is_alphanumeric() && char != '_');
        after[..end.unwrap_or(after.len())].to_owned()
    };
    lines
        .flat_map(|line| ["crate::", "chattrix::"].map(|root| (line, root)))
        .flat_map(|(line, root)| line.split(root).skip(1).map(name).collect::<Vec<_>>())
        .collect()
}

#[test]
fn modules_import_only_what_the_picture_has_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let picture = picture(&root);
    let line_of = |module: &str| picture.iter().position(|one| one == module);
    let mut wrong = Vec::new();
    for path in sources(&root) {
        let inside = path.strip_prefix(&root).expect("inside").with_extension("");
        let module = inside.iter().next().expect("a name").to_string_lossy();
        if ["lib", "main"].contains(&&*module) || inside.iter().any(|part| part == "tests") {
            continue;
        }
        let Some(own) = line_of(&module) else {
            wrong.push(format!("{module} is not in the picture"));
            continue;
        };
        for import in imports(&fs::read_to_string(&path).expect("a source file")) {
            if import != module && line_of(&import).is_some_and(|line| line <= own) {
                wrong.push(format!("{} imports {import}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
