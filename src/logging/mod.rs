//! Log on standard error, as text or JSON, for this program and its libraries.
//!
//! The filter keeps tokens out of the log (contract section 4). Libraries log whole URIs, headers and frames, and
//! `/ws/chat?token=…` is a URI. So the configured level applies to this program's own messages, which never contain
//! a token. Other crates log only warnings and errors, and none from modules that handle requests and frames.

mod json;
mod queue;
mod recent;
mod repeats;
mod text;

use std::io::{IsTerminal, stderr};
use std::panic;
use std::sync::OnceLock;
use std::time::Duration;

use tracing::error;
use tracing_log::LogTracer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Layered;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::settings::{LogFormat, LogLevel};

pub use json::escaped_json;
pub use recent::RecentLine;
pub use repeats::RepeatedLines;
pub use text::is_terminal_control;

use json::JsonLines;
use queue::{LogQueue, report_dropped};
use recent::{RECENT, RecentLayer};
use text::TextFields;

/// Target of this program: library and command share the name.
const OURS: &str = "chattrix";

/// Targets that are never logged: whole requests and the layers below them. Rocket's launch banner is dozens of
/// warnings; the server logs its address in one line instead.
const NEVER: [&str; 9] = [
    "rocket::launch",
    "rocket::local",
    "rocket::request",
    "rocket::server",
    "hyper",
    "hyper_util",
    "reqwest",
    "tokio_tungstenite",
    "tungstenite",
];

/// Logs the messages of this program, of libraries that use `log`, and panics to standard error. Call it before
/// Rocket starts, which would install its own logger.
///
/// A second call has no effect, so that tests may call it.
pub fn init(level: LogLevel, format: LogFormat) {
    // Library messages below warn are not shown: `log` drops them at the source.
    let bridge = LogTracer::builder()
        .with_max_level(tracing_log::log::LevelFilter::Warn)
        // Rocket's macros log every rejected request with our target; the access log has it already.
        .ignore_crate(OURS)
        .init();
    let Ok(queue) = LogQueue::start(stderr(), report_dropped) else {
        return;
    };
    let (filter, handle) = reload::Layer::new(filter(level));
    let subscriber = Registry::default()
        .with(filter)
        .with(layer(format, queue.clone()))
        .with(RecentLayer(&RECENT));
    // Not `try_init`, which installs a bridge from `log` of its own and fails where there is one.
    let subscriber = tracing::subscriber::set_global_default(subscriber);
    if subscriber.is_ok() {
        let _ = QUEUE.set(queue);
        let _ = FILTER.set(handle);
    }
    if bridge.is_ok() && subscriber.is_ok() {
        panic::set_hook(Box::new(log_panic));
    }
}

/// The queue of the installed log. Global, as the log itself is.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// Filter of the installed log.
static FILTER: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Changes the level of the installed log.
pub fn set_level(level: LogLevel) {
    if let Some(handle) = FILTER.get() {
        // It fails only without a subscriber, and then nothing is logged.
        let _ = handle.reload(filter(level));
    }
}

/// Returns how many log lines were dropped because the log was not read fast enough.
#[must_use]
pub fn dropped_lines() -> u64 {
    QUEUE.get().map_or(0, LogQueue::dropped)
}

/// Returns the last kinds of warnings and errors, newest first. Like every line of the log, they contain no token.
#[must_use]
pub fn recent_warnings() -> Vec<RecentLine> {
    RECENT.all()
}

/// Waits until what was logged so far is written, for at most `time`: the last thing before the process ends.
pub fn flush(time: Duration) {
    if let Some(queue) = QUEUE.get() {
        queue.flush(time);
    }
}

/// Returns the filter for `level`. Public for tests with another writer.
#[must_use]
pub fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(NEVER.map(|target| (target, LevelFilter::OFF)))
        .with_target(OURS, level)
}

type Subscriber = Layered<reload::Layer<Targets, Registry>, Registry>;

fn layer(format: LogFormat, queue: LogQueue) -> Box<dyn Layer<Subscriber> + Send + Sync> {
    let layer = fmt::layer();
    match format {
        LogFormat::Text => layer
            .with_writer(queue)
            .fmt_fields(TextFields)
            .with_ansi(wants_colour())
            .boxed(),
        LogFormat::Json => layer
            .with_writer(JsonLines(queue))
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .boxed(),
    }
}

/// Returns whether to use colour: on a terminal without `NO_COLOR` (no-color.org).
fn wants_colour() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Logs a panic in the format of the log.
fn log_panic(panic: &panic::PanicHookInfo<'_>) {
    let message = panic
        .payload_as_str()
        .unwrap_or("a panic without a message");
    let location = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    let thread = std::thread::current();
    error!(location, thread = thread.name(), "panicked: {message}");
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing_log::log;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the output of `act` at `level`.
    fn logged(level: LogLevel, act: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let layer = fmt::layer()
            .with_ansi(false)
            .fmt_fields(TextFields)
            .with_writer(move || writer.clone());
        let subscriber = Registry::default().with(filter(level)).with(layer);
        tracing::subscriber::with_default(subscriber, act);
        let bytes = written.0.lock().clone();
        String::from_utf8(bytes).expect("text")
    }

    /// A message through `log`, as Rocket sends them.
    fn send(target: &str, level: log::Level) {
        let record = log::Record::builder()
            .target(target)
            .level(level)
            .args(format_args!("GET /ws/chat?token=secret"))
            .build();
        tracing_log::format_trace(&record).expect("sends");
    }

    #[test]
    fn log_level_applies_to_own_crate_others_log_from_warn() {
        let shown = logged(LogLevel::Trace, || {
            tracing::trace!("a step of ours");
            tracing::trace!(target: "r2d2", "a step of theirs");
            tracing::info!(target: "rustls", "message of theirs");
            tracing::warn!(target: "r2d2", "a warning of theirs");
        });
        assert!(shown.contains("a step of ours") && shown.contains("a warning of theirs"));
        assert!(
            !shown.contains("a step of theirs") && !shown.contains("message of theirs"),
            "{shown}"
        );
        let quiet = logged(LogLevel::Error, || {
            tracing::warn!("a warning of ours");
            tracing::warn!(target: "r2d2", "a warning of theirs");
            tracing::error!("an error of ours");
        });
        assert!(
            quiet.contains("an error of ours") && !quiet.contains("warning"),
            "{quiet}"
        );
    }

    #[test]
    fn request_and_frame_modules_never_log() {
        for level in [LogLevel::Error, LogLevel::Info, LogLevel::Trace] {
            let shown = logged(level, || {
                for target in [
                    "rocket::server",
                    "rocket::server_",
                    "rocket::request::request",
                    "hyper::proto::h1::io",
                    "hyper_util::client",
                    "tungstenite::protocol::frame",
                    "tokio_tungstenite::compat",
                ] {
                    for severity in log::Level::iter() {
                        send(target, severity);
                    }
                    tracing::error!(target: "hyper::server", "token=secret");
                }
            });
            assert_eq!(shown, "");
        }
    }

    #[test]
    fn values_of_clients_forge_neither_fields_nor_lines() {
        let forged = "a user=admin\nERROR \u{1b}[31m\u{202e}\u{2028}x\u{200b}";
        let shown = logged(LogLevel::Info, || {
            tracing::info!(session = %forged, user = "bob", calls = 3, "opened {forged}");
            tracing::info!(session = %"\"a\" user=\"admin\"", id = %"alice");
        });
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines.len(), 2, "{shown}");
        assert!(
            !shown.contains(|c| c != '\n' && is_terminal_control(c)),
            "{shown}"
        );
        assert!(
            lines[0].contains(r#" session="a user=admin\nERROR \u{1b}[31m"#),
            "{shown}"
        );
        assert!(lines[0].contains(r#" user="bob" calls=3"#), "{shown}");
        assert!(
            lines[1].ends_with(r#"session="\"a\" user=\"admin\"" id=alice"#),
            "{shown}"
        );
    }

    #[test]
    fn warnings_of_the_libraries_come_through_the_bridge() {
        let shown = logged(LogLevel::Info, || {
            send("rocket::fairing", log::Level::Warn);
            send("rocket::fairing", log::Level::Info);
        });
        assert_eq!(shown.lines().count(), 1, "{shown}");
    }

    #[test]
    fn initializing_twice_does_no_harm() {
        let hook = panic::take_hook();
        init(LogLevel::Info, LogFormat::Text);
        init(LogLevel::Trace, LogFormat::Json);
        panic::set_hook(hook);
    }
}
