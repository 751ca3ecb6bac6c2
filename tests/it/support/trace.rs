//! Log of the whole test run at its highest level, written to a file and searched for tokens (contract section 4: "The
//! token never reaches a log line").

use std::fmt::{Debug, Write as _};
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, Once, PoisonError};

use chattrix::logging;
use chattrix::settings::LogLevel;
use tracing::field::Field;
use tracing::{Event, Subscriber};
use tracing_log::LogTracer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry, fmt};

/// How every token begins: `{"` in base64url; one of Agora's, its version and a zlib header in base64; and an API key.
const TOKENS: [&str; 3] = ["eyJ", "007eJ", "cxk_"];

static LOG: LazyLock<Mutex<Log>> = LazyLock::new(|| Mutex::new(Log::create()));

struct Log {
    path: PathBuf,
    file: File,
    warnings: Vec<String>,
    /// The first line that held a token, up to the token.
    leak: Option<String>,
}

impl Log {
    fn create() -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let path = directory.join(format!("trace-{}.log", std::process::id()));
        let file = File::create(&path).expect("a file for the log");
        Self {
            path,
            file,
            warnings: Vec::new(),
            leak: None,
        }
    }

    fn take(&mut self, line: &str) {
        if self.leak.is_none() {
            self.leak = TOKENS
                .iter()
                .find_map(|token| line.find(token))
                .map(|start| line[..start].to_owned());
        }
        if line.contains(" WARN ") || line.contains(" ERROR ") {
            self.warnings.push(line.to_owned());
        }
    }
}

/// A hand on the log for one line.
struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        log.take(&String::from_utf8_lossy(bytes));
        log.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// User for whom the log panics when it warns of the message rate: a defect inside of a message's handling, which no
/// client can cause.
pub const UNSPEAKABLE: &str = "unspeakable";

/// Log layer that panics when the message rate of [`UNSPEAKABLE`] is exceeded.
struct Defect;

impl<S: Subscriber> Layer<S> for Defect {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = String::new();
        event.record(&mut |field: &Field, value: &dyn Debug| {
            if ["user", "message"].contains(&field.name()) {
                let _ = write!(said, "{value:?} ");
            }
        });
        assert!(
            !(said.contains(UNSPEAKABLE) && said.contains("rate exceeded")),
            "a defect for the test"
        );
    }
}

/// Sends everything that the server's own filter lets through at trace level to the log: once for
/// all tests, and before Rocket would install a logger of its own.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        LogTracer::init().expect("no test installs a logger");
        let layer = fmt::layer().with_ansi(false).with_writer(|| Line);
        let subscriber = Registry::default()
            .with(logging::filter(LogLevel::Trace))
            .with(Defect)
            .with(layer);
        tracing::subscriber::set_global_default(subscriber).expect("no test installs a subscriber");
    });
}

/// The warnings and errors so far that hold `text`.
pub fn warnings(text: &str) -> Vec<String> {
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    log.warnings
        .iter()
        .filter(|line| line.contains(text))
        .cloned()
        .collect()
}

/// Fails where any test has made the server log a token so far.
pub fn assert_no_token_was_logged() {
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(line) = &log.leak {
        panic!("a token was logged, see {}: {line}", log.path.display());
    }
}
