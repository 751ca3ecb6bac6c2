//! The real binary's commands, run beside a server or on their own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::TestServer;
use super::token::SECRET;

/// Where commands are run, and with which variables; nothing of the test's own surroundings reaches them.
#[derive(Clone)]
pub struct Cli {
    directory: PathBuf,
    variables: Vec<(String, String)>,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Done {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Cli {
    /// Commands in `directory`.
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            variables: Vec::new(),
        }
    }

    /// Commands beside `server`: with its database, its key and its port.
    pub fn beside(server: &TestServer) -> Self {
        let database = server.database();
        // On PostgreSQL the control socket is in the directory of this process, which runs the server.
        let directory = if chattrix::store::is_url(&database) {
            Path::new(".")
        } else {
            database.parent().expect("a directory")
        };
        Self::in_directory(directory)
            .with("CHATTRIX_DATABASE", &database.to_string_lossy())
            .with("CHATTRIX_JWT_SECRET", SECRET)
            .with("ROCKET_PORT", &server.address().tcp().port().to_string())
    }

    /// With the variable `name`.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The command with `args`, to be shaped further.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chattrix"));
        command
            .args(args)
            .current_dir(&self.directory)
            .env_clear()
            .env("COLUMNS", "100")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the command with `args` to its end.
    pub fn run(&self, args: &[&str]) -> Done {
        Done::of(|| self.command(args).output())
    }

    /// Runs the command with `args` at a terminal, where `typed` is typed: what is seen there, and the exit
    /// code.
    pub fn at_a_terminal(&self, args: &[&str], typed: &str) -> Done {
        let quoted: Vec<_> = args.iter().map(|arg| format!("'{arg}'")).collect();
        self.shell_at_a_terminal(&format!("chattrix {}", quoted.join(" ")), typed)
    }

    /// Runs `commands` in a shell at a terminal, like [`Cli::at_a_terminal`].
    pub fn shell_at_a_terminal(&self, commands: &str, typed: &str) -> Done {
        let program = env!("CARGO_BIN_EXE_chattrix");
        let line = format!("chattrix() {{ '{program}' \"$@\"; }}; {commands}");
        let mut script = Command::new("script");
        script
            .args([
                "--quiet",
                "--return",
                "--flush",
                "--command",
                &line,
                "/dev/null",
            ])
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = script.spawn().expect("script (util-linux) is there");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(typed.as_bytes()).expect("it reads");
        // Its end would be typed as Ctrl-D: it stays open until the command has ended.
        let done = Done::of(|| child.wait_with_output());
        drop(stdin);
        done
    }

    /// Runs the command with `args` and `--json`, which must succeed: what it prints.
    pub fn json(&self, args: &[&str]) -> Value {
        let out = self.run(&[args, &["--json"]].concat()).success();
        serde_json::from_str(&out).expect("it prints JSON")
    }
}

impl Done {
    /// What came of the command that `run` runs to its end.
    pub fn of(run: impl FnOnce() -> std::io::Result<Output>) -> Self {
        // A server in this very process may have to answer the command.
        let Output {
            status,
            stdout,
            stderr,
        } = tokio::task::block_in_place(run).expect("the binary can be run");
        let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
        Self {
            code: status.code().expect("it ends by itself"),
            out: text(stdout),
            err: text(stderr),
        }
    }

    /// What it printed; it must have succeeded.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }

    /// What it said; it must have failed with `code` and printed nothing.
    #[track_caller]
    pub fn failure(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert_eq!(self.out, "", "{}", self.err);
        self.err
    }
}
