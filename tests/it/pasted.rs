//! The commands of the documents work when they are pasted. Each block of shell has a comment before it, which no
//! reader sees, that says how a test runs it, or why none does:
//!
//! ```text
//! <!-- test: run -->                        to its end, which must be a good one
//! <!-- test: at a terminal -->              the same, where somebody answers questions with yes
//! <!-- test: background -->                 goes on while the next ones run
//! <!-- test: transcript -->                 what follows a $, beside what it printed on another day
//! <!-- test: run in an empty folder -->     the beginning of another story
//! <!-- test: write PATH -->                 a file's content, not shell
//! <!-- test: not here: REASON -->           never
//! ```

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::docs::{ROOT, documents, text};
use crate::support::{eventually, free_port};

/// The port of every example, and the server behind a proxy.
const EXAMPLE_PORT: &str = "8000";
const EXAMPLE_SITE: &str = "https://calls.example.com";

/// The call id in the transcripts of `docs/tutorial.md`.
const EXAMPLE_CALL: &str = "01a2037e-7ffa-7913-b25b-a218e5fb4c5e";

/// The day of the examples of backups.
const EXAMPLE_DAY: &str = "2026-11-22";

/// A block of a document, and what is to be done with it.
#[derive(Clone)]
struct Block {
    how: String,
    script: String,
}

impl Block {
    fn is_run(&self) -> bool {
        !self.how.starts_with("not here: ")
    }
}

/// The blocks of `document` that are shell, or marked.
fn blocks(document: &str) -> Vec<Block> {
    let text = text(document);
    let mut lines = text.lines().map(str::trim_start);
    let (mut before, mut found) = ("", Vec::new());
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let inside = lines.by_ref().take_while(|line| !line.starts_with("```"));
            let script = inside.collect::<Vec<_>>().join("\n");
            let how = before.strip_prefix("<!-- test: ");
            let how = how.and_then(|rest| rest.strip_suffix(" -->"));
            assert!(
                how.is_some() || !["sh", "bash", "console"].contains(&language),
                "{document}: this block says neither how it is run nor why not:\n{script}"
            );
            let how = how.map(str::to_owned);
            found.extend(how.map(|how| Block { how, script }));
        }
        before = line;
    }
    found
}

/// The documents whose blocks the tests below run.
const FOLLOWED: [&str; 7] = [
    "README.md",
    "docs/console.md",
    "docs/install.md",
    "docs/operate.md",
    "docs/tutorial.md",
    "docs/upgrade.md",
    "docs/webhooks.md",
];

#[test]
fn every_block_of_shell_is_run_by_a_test_or_says_why_not() {
    for document in documents() {
        let blocks = blocks(&document);
        let is_run = blocks.iter().any(Block::is_run);
        assert!(
            !is_run || FOLLOWED.contains(&document.as_str()),
            "no test here follows {document}"
        );
    }
}

/// Somebody who follows a document, in a folder and on a port of its own. What runs in the background ends with it.
pub struct Reader {
    folder: TempDir,
    /// Where each block begins.
    place: PathBuf,
    /// Where programs are looked for.
    path: String,
    /// What stands in examples, and what stands for it here.
    replaced: Vec<(String, String)>,
    background: Vec<Child>,
}

/// The folder of the program.
fn built() -> &'static Path {
    let program = Path::new(env!("CARGO_BIN_EXE_chattrix"));
    program.parent().expect("a folder")
}

/// Programs with a stand-in in `tests/data/machine`, because they need root or a service manager.
const PLAYED: [&str; 3] = ["sudo", "install", "systemctl"];

/// Variable with the path of a release archive, for `scripts/test-package`. `CHATTRIX_` is for settings.
const ARCHIVE: &str = "RELEASE_ARCHIVE";

/// Name of the folder in a release archive.
const UNPACKED: &str = concat!("chattrix-", env!("CARGO_PKG_VERSION"), "-x86_64-linux");

impl Reader {
    /// In an empty folder, with the program on the path.
    fn in_an_empty_folder() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = std::env::var("PATH").expect("a path");
        let port = free_port().to_string();
        let site = format!("http://127.0.0.1:{port}");
        Self {
            place: folder.path().to_owned(),
            folder,
            path: format!("{}:{path}", built().display()),
            replaced: vec![
                (EXAMPLE_PORT.to_owned(), port),
                (EXAMPLE_SITE.to_owned(), site),
            ],
            background: Vec::new(),
        }
    }

    /// In a clone of the project, built.
    fn in_a_clone() -> Self {
        let reader = Self::in_an_empty_folder();
        let release = reader.place.join("target/release");
        fs::create_dir_all(&release).expect("a folder");
        symlink(env!("CARGO_BIN_EXE_chattrix"), release.join("chattrix")).expect("a link");
        for name in ["scripts", "deploy"] {
            symlink(Path::new(ROOT).join(name), reader.place.join(name)).expect("a link");
        }
        reader.write("Rocket.toml", &text("Rocket.toml"));
        reader
    }

    /// In an unpacked release archive: the one in [`ARCHIVE`], or the same files from this project.
    fn in_an_archive() -> Self {
        let reader = Self::in_an_empty_folder();
        if let Some(archive) = std::env::var_os(ARCHIVE) {
            let mut tar = reader.command("tar");
            tar.args(["-xz", "--strip-components=1", "-f"]).arg(archive);
            reader.went_well("tar", tar.output().expect("tar is there"));
        } else {
            for (name, part) in [
                ("scripts", "scripts"),
                ("deploy", "deploy"),
                ("install.sh", "deploy/install.sh"),
            ] {
                symlink(Path::new(ROOT).join(part), reader.place.join(name)).expect("a link");
            }
            symlink(
                env!("CARGO_BIN_EXE_chattrix"),
                reader.place.join("chattrix"),
            )
            .expect("a link");
            reader.run("sha256sum chattrix install.sh >SHA256SUMS");
        }
        reader
    }

    /// On a machine whose root is a folder, in a release archive that is unpacked there.
    pub fn on_a_machine() -> Self {
        let mut reader = Self::in_an_archive();
        let root = reader.folder.path().to_owned();
        for folder in ["bin", "etc/systemd/system", "usr/local/bin", "var/lib"] {
            fs::create_dir_all(root.join(folder)).expect("a folder");
        }
        for name in PLAYED {
            let part = Path::new(ROOT).join("tests/data/machine").join(name);
            symlink(part, root.join("bin").join(name)).expect("a link");
        }
        symlink(&root, root.join(UNPACKED)).expect("a link");
        let own = root.display();
        let path = std::env::var("PATH").expect("a path");
        reader.path = format!("{own}/bin:{own}/usr/local/bin:{path}");
        for folder in ["/etc/", "/var/", "/usr/local/"] {
            let here = format!("{own}{folder}");
            reader.replaced.push((folder.to_owned(), here));
        }
        let today = reader.run("date +%F").trim().to_owned();
        reader.replaced.push((EXAMPLE_DAY.to_owned(), today));
        reader
    }

    /// The root of its machine.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// With the program where the guide places it.
    pub fn install_program(&self) {
        let place = self.root().join("usr/local/bin/chattrix");
        symlink(env!("CARGO_BIN_EXE_chattrix"), place).expect("a link");
    }

    /// `text` with what stands here for its examples.
    fn here(&self, text: &str) -> String {
        // In two steps, so that nothing is replaced in what has taken another's place.
        let marked = |index: usize| format!("\u{1}{index}\u{1}");
        let mut text = text.to_owned();
        for (index, (example, _)) in self.replaced.iter().enumerate() {
            text = text.replace(example, &marked(index));
        }
        for (index, (_, here)) in self.replaced.iter().enumerate() {
            text = text.replace(&marked(index), here);
        }
        text
    }

    pub fn write(&self, path: &str, content: &str) {
        fs::write(self.place.join(self.here(path)), self.here(content)).expect("a file");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.place)
            .env("PATH", &self.path)
            .env("HOME", self.folder.path())
            .env("MACHINE", self.folder.path())
            .env("DESTDIR", self.folder.path());
        command
    }

    fn shell(&self, script: &str) -> Command {
        let mut shell = self.command("bash");
        shell.args(["-euo", "pipefail", "-c", &self.here(script)]);
        shell
    }

    /// Runs `script` to its end, which must be a good one; what it printed.
    pub fn run(&self, script: &str) -> String {
        let output = self.shell(script).stdin(Stdio::null()).output();
        self.went_well(script, output.expect("bash is there"))
    }

    /// The same at a terminal, where everything is answered with yes.
    fn run_at_a_terminal(&self, script: &str) -> String {
        fs::write(self.place.join("pasted"), self.here(script)).expect("a file");
        let line = "bash -euo pipefail pasted";
        let mut terminal = self.command("script");
        terminal
            .args(["--quiet", "--return", "--command", line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = terminal.spawn().expect("script (util-linux) is there");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(b"yes\n").expect("it reads");
        // Its end would be typed as Ctrl-D: it stays open until the command has ended.
        let output = child.wait_with_output().expect("it ends");
        drop(stdin);
        self.went_well(script, output)
    }

    fn went_well(&self, script: &str, output: Output) -> String {
        let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
        let [printed, talk] = said;
        let journal = fs::read_to_string(self.folder.path().join("journal")).unwrap_or_default();
        assert!(
            output.status.success(),
            "{script}\n{printed}\n{talk}\n{journal}"
        );
        printed.into_owned()
    }

    /// Starts `script` and waits until it says `ready`; the file with what it prints.
    pub async fn start(&mut self, script: &str, ready: &str) -> PathBuf {
        let name = format!("output-{}", self.background.len());
        let path = self.folder.path().join(name);
        let output = File::create(&path).expect("a file");
        let errors = output.try_clone().expect("the same file");
        let (before, last) = script.rsplit_once('\n').unwrap_or(("", script));
        // The shell becomes the program, so that it can be ended; sudo is only played.
        let mut shell = self.shell(&format!("{before}\nexec {last}"));
        shell.stdin(Stdio::null()).stdout(output).stderr(errors);
        self.background.push(shell.spawn().expect("bash is there"));
        says(&path, ready).await;
        path
    }

    /// Follows `document` from its beginning to its end.
    async fn follow(&mut self, document: &str) {
        for Block { how, script } in blocks(document) {
            match how.as_str() {
                "run" => drop(self.run(&script)),
                "at a terminal" => drop(self.run_at_a_terminal(&script)),
                "background" => drop(self.start(&script, "connected to").await),
                how if how.starts_with("not here: ") => (),
                how => match how.strip_prefix("write ") {
                    Some(path) => self.write(path, &script),
                    None => panic!("{document}: what is {how:?}?"),
                },
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for child in &mut self.background {
            let _ = child.kill();
            let _ = child.wait();
        }
        if self.folder.path().join("chattrix.pid").exists() {
            let _ = self.shell("systemctl stop chattrix").status();
        }
    }
}

/// Waits until `words` stand in `path`.
async fn says(path: &Path, words: &str) {
    let said = async || fs::read_to_string(path).is_ok_and(|text| text.contains(words));
    eventually(&format!("{words:?} in {}", path.display()), said).await;
}

/// The commands of a transcript, without what they printed.
fn typed(transcript: &str) -> String {
    let lines = transcript.lines();
    let typed = lines.filter(|line| !line.starts_with('{'));
    let typed = typed.map(|line| line.strip_prefix("$ ").unwrap_or(line));
    typed.collect::<Vec<_>>().join("\n")
}

/// The data of an answer, which must be a good one.
fn data(answer: &str) -> Value {
    let answer: Value = serde_json::from_str(answer).expect("JSON");
    assert_eq!(answer["success"], true, "{answer}");
    answer["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn readme_and_tutorial_commands_work_when_pasted() {
    // The tutorial continues the README's quick start on the same server.
    let found = [blocks("README.md"), blocks("docs/tutorial.md")].concat();
    let found: Vec<_> = found.iter().filter(|block| block.is_run()).collect();
    let hows: Vec<_> = found.iter().map(|block| block.how.as_str()).collect();
    assert_eq!(
        hows,
        [
            "background",
            "run",
            "transcript",
            "transcript",
            "transcript",
            "run in an empty folder",
            "background"
        ],
        "README.md and docs/tutorial.md have other blocks than this test runs"
    );
    let script = |index: usize| found[index].script.as_str();

    let mut clone = Reader::in_a_clone();
    clone
        .start("./target/release/chattrix serve --dev", "listening on")
        .await;
    let bob = clone.start(script(0), "connected to").await;
    let first = data(&clone.run(script(1)));
    assert_eq!(first["status"], "RINGING");
    says(&bob, "call_invitation").await;
    let first = first["id"].as_str().expect("an id");
    clone.run(&format!("./target/release/chattrix call end {first} --dev"));

    let [call, active, details] = [2, 3, 4].map(|index| typed(script(index)));
    let (alice, _) = call.split_once('\n').expect("two commands");
    let initiated = data(&clone.run(&call));
    assert_eq!(initiated["status"], "RINGING");
    let id = initiated["id"].as_str().expect("an id");
    let later = |script: &str| {
        let script = format!("{alice}\n{}", script.replace(EXAMPLE_CALL, id));
        data(&clone.run(&script))
    };
    eventually("the call to be accepted", async || {
        later(&details)["status"] == "CONNECTING"
    })
    .await;
    assert_eq!(later(&active)["status"], "ACTIVE");
    assert_eq!(later(&details)["status"], "ACTIVE");

    let mut folder = Reader::in_an_empty_folder();
    folder.run(script(5));
    folder.start(script(6), "listening on").await;
    let ready = folder.run("curl -sSf http://127.0.0.1:8000/readyz");
    assert!(ready.contains(r#""status":"ready""#), "{ready}");
    let active = "curl -sSf http://127.0.0.1:8000/api/v1/calls/active \
                  -H \"Authorization: Bearer $(chattrix token alice)\"";
    assert!(data(&folder.run(active)).is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consoles_page_begins_with_a_server_that_starts() {
    let mut clone = Reader::in_a_clone();
    let blocks = blocks("docs/console.md");
    let [serve] = blocks.as_slice() else {
        panic!("this test knows what to expect of one block");
    };
    let said = clone.start(&serve.script, "listening on").await;
    says(&said, "/console").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guides_install_operate_and_upgrade_a_server() {
    let mut machine = Reader::on_a_machine();
    let key = text("tests/data/test-keys/es256-private.pem");
    machine.write("private.pem", &key);
    machine.follow("docs/install.md").await;
    let settings = machine.folder.path().join("etc/chattrix");
    let clone = std::mem::replace(&mut machine.place, settings);
    machine.run("chattrix config check");
    machine.follow("docs/operate.md").await;
    let webhooks = blocks("docs/webhooks.md");
    let [receiver] = webhooks.as_slice() else {
        panic!("this test knows what to expect of one block");
    };
    let said = machine.run(&format!("{}\nchattrix config", receiver.script));
    assert!(said.contains("CHATTRIX_WEBHOOK_URL"), "{said}");
    machine.place = clone;
    machine.follow("docs/upgrade.md").await;
    let calls = machine.run("cd /etc/chattrix && chattrix call list --json");
    let calls: Value = serde_json::from_str(&calls).expect("JSON");
    assert_eq!(calls[0]["calleeId"], "bob", "{calls}");
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
    assert!(said.contains("the drill passed"), "{said}");
}
