//! The documents: what they refer to is there, what they ought to explain they do, and the commands of
//! the README work when they are pasted.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use chattrix::wire::Close;
use tempfile::TempDir;

use crate::support::eventually;

/// The root of the project.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The port of every example.
const EXAMPLE_PORT: &str = "8000";

/// What stands before a block that is run, in a comment that no reader sees.
const MARK: &str = "<!-- test: ";

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of the project, as paths from its root.
fn documents() -> Vec<String> {
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
    let code = text("src/wire/error_type.rs");
    let words = code
        .split("=> \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let explained = text("docs/errors.md");
    for word in words {
        assert!(
            explained.contains(&format!("### `{word}`")),
            "docs/errors.md lacks {word}"
        );
    }
}

#[test]
fn every_close_code_is_explained() {
    let tables = [text("docs/errors.md"), text("README.md")];
    for code in Close::ALL.map(|close| close.code().to_string()) {
        for table in &tables {
            let rows = table.lines().filter(|line| line.starts_with('|'));
            let first_cells: Vec<_> = rows.filter_map(|row| row.split('|').nth(1)).collect();
            assert!(
                first_cells.iter().any(|cell| cell.contains(&code)),
                "close code {code} is not explained"
            );
        }
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
    for folder in ["tests/it", "src/auth", "src/call", "src/store"] {
        for entry in fs::read_dir(Path::new(ROOT).join(folder)).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                code += &fs::read_to_string(path).expect("a source");
            }
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

/// A block of shell that a document wants to be run, and how.
struct Block {
    how: String,
    script: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let marked = text.split(MARK).skip(1);
    marked
        .map(|rest| {
            let (how, rest) = rest.split_once(" -->").expect("a comment ends");
            let (_, rest) = rest.split_once("```sh\n").expect("a block follows");
            let (script, _) = rest.split_once("\n```").expect("a block ends");
            Block {
                how: how.to_owned(),
                script: script.to_owned(),
            }
        })
        .collect()
}

/// A folder in which somebody follows a document, on a port of its own. What runs in the background ends
/// with it.
struct Reader {
    folder: TempDir,
    port: String,
    background: Vec<Child>,
}

impl Reader {
    /// In a clone of the project, built.
    fn in_a_clone() -> Self {
        let reader = Self::in_an_empty_folder();
        let release = reader.folder.path().join("target/release");
        fs::create_dir_all(&release).expect("a folder");
        symlink(env!("CARGO_BIN_EXE_chattrix"), release.join("chattrix")).expect("a link");
        let rocket_toml = reader.here(&text("Rocket.toml"));
        fs::write(reader.folder.path().join("Rocket.toml"), rocket_toml).expect("a file");
        reader
    }

    /// In an empty folder, with the program on the path.
    fn in_an_empty_folder() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port().to_string();
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            folder,
            port,
            background: Vec::new(),
        }
    }

    /// `text` with this reader's port.
    fn here(&self, text: &str) -> String {
        text.replace(EXAMPLE_PORT, &self.port)
    }

    fn shell(&self, script: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_chattrix"))
            .parent()
            .expect("a folder");
        let path = std::env::var("PATH").expect("a path");
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &self.here(script)]);
        shell
            .current_dir(&self.folder)
            .env("PATH", format!("{}:{path}", bin.display()));
        shell
    }

    /// Runs `script` to its end, which must be a good one; what it printed.
    fn run(&self, script: &str) -> String {
        let output = self.shell(script).output().expect("bash is there");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts `script` and waits until it says `ready`; the file with what it prints.
    async fn start(&mut self, script: &str, ready: &str) -> PathBuf {
        let path = self
            .folder
            .path()
            .join(format!("output-{}", self.background.len()));
        let output = File::create(&path).expect("a file");
        let errors = output.try_clone().expect("the same file");
        let mut shell = self.shell(&format!("exec {script}"));
        shell.stdin(Stdio::null()).stdout(output).stderr(errors);
        self.background.push(shell.spawn().expect("bash is there"));
        says(&path, ready).await;
        path
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for child in &mut self.background {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until `words` stand in `path`.
async fn says(path: &Path, words: &str) {
    let said = async || fs::read_to_string(path).is_ok_and(|text| text.contains(words));
    eventually(&format!("{words:?} in {}", path.display()), said).await;
}

#[tokio::test]
async fn the_commands_of_the_readme_work_when_they_are_pasted() {
    let readme = blocks(&text("README.md"));
    let [listen, call, install, serve] = readme.as_slice() else {
        panic!(
            "{} blocks are marked; this test knows what to expect of four",
            readme.len()
        );
    };

    let mut clone = Reader::in_a_clone();
    clone
        .start("./target/release/chattrix serve --dev", "listening on")
        .await;
    assert_eq!(listen.how, "background");
    let bob = clone.start(&listen.script, "connected to").await;
    assert_eq!(call.how, "run");
    let answer = clone.run(&call.script);
    assert!(answer.contains(r#""status":"RINGING""#), "{answer}");
    says(&bob, "call_invitation").await;

    let mut machine = Reader::in_an_empty_folder();
    assert_eq!(install.how, "run in an empty folder");
    machine.run(&install.script);
    assert_eq!(serve.how, "background");
    machine.start(&serve.script, "listening on").await;
    let ready = machine.run("curl -sSf http://127.0.0.1:8000/readyz");
    assert!(ready.contains(r#""status":"ready""#), "{ready}");
    let active = "curl -sSf http://127.0.0.1:8000/api/v1/calls/active \
                  -H \"Authorization: Bearer $(chattrix token alice)\"";
    assert!(machine.run(active).contains(r#""data":null"#));
}

#[test]
fn the_commands_of_the_operators_guide_work_when_they_are_pasted() {
    let machine = Reader::in_an_empty_folder();
    let guide = blocks(&text("docs/operate.md"));
    assert!(guide.len() >= 2, "{} blocks are marked", guide.len());
    for block in guide {
        assert_eq!(block.how, "run");
        machine.run(&block.script);
    }
}

#[test]
fn the_drill_of_backup_and_restore_goes_well() {
    let drill = Path::new(ROOT).join("scripts/drill");
    let output = Command::new(drill)
        .arg(env!("CARGO_BIN_EXE_chattrix"))
        .output()
        .expect("it is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("nothing else"), "{said}");
}
