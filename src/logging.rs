//! The log: on standard error, as text or JSON, for this program and the libraries under it.
//!
//! The one rule is the filter: no token ever reaches a log line (contract section 4). Libraries
//! write whole URIs, headers and frames, and `/ws/chat?token=…` is a URI; so the level that is set
//! is for this program's own messages, which are written with that in mind, and of all others
//! only warnings and errors are shown, and those not from where requests and frames pass by.

use std::io::{IsTerminal, stderr};
use std::panic;

use tracing::error;
use tracing_log::LogTracer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::settings::{LogFormat, LogLevel};

/// The targets of this program: the library and the command have one name.
const OURS: &str = "chattrix";

/// What is never shown, at any level: whole requests, and what is below them. Rocket's launch
/// banner comes as dozens of warnings, and the server says in one line where it listens.
const NEVER: [&str; 7] = [
    "rocket::launch",
    "rocket::request",
    "rocket::server",
    "hyper",
    "hyper_util",
    "tokio_tungstenite",
    "tungstenite",
];

/// Sends the messages of this program, and of libraries that speak through `log`, to standard
/// error; panics too. Call it before Rocket starts, which would install a logger of its own.
///
/// A second call changes nothing, so that tests may call it as they please.
pub fn init(level: LogLevel, format: LogFormat) {
    // Nothing of the libraries is shown below warn: let `log` drop it at the source.
    let bridge = LogTracer::builder()
        .with_max_level(tracing_log::log::LevelFilter::Warn)
        // What Rocket's macros say in our name of every refused request; the access log says it.
        .ignore_crate(OURS)
        .init();
    let subscriber = Registry::default()
        .with(filter(level))
        .with(layer(format))
        .try_init();
    if bridge.is_ok() && subscriber.is_ok() {
        panic::set_hook(Box::new(log_panic));
    }
}

/// What is shown at `level`. Public, so that a test can put it in front of another writer.
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

type Subscriber = tracing_subscriber::layer::Layered<Targets, Registry>;

fn layer(format: LogFormat) -> Box<dyn Layer<Subscriber> + Send + Sync> {
    let layer = fmt::layer().with_writer(stderr);
    match format {
        LogFormat::Text => layer.with_ansi(wants_colour()).boxed(),
        LogFormat::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .boxed(),
    }
}

/// Colour is for a person at a terminal who has not declined it (no-color.org).
fn wants_colour() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A panic is a defect; it belongs in the log, in the log's form, where somebody will see it.
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

    /// What `act` gets written at `level`.
    fn logged(level: LogLevel, act: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let layer = fmt::layer()
            .with_ansi(false)
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
    fn the_level_is_for_this_program_and_others_are_shown_from_warn_up() {
        let shown = logged(LogLevel::Trace, || {
            tracing::trace!("a step of ours");
            tracing::trace!(target: "r2d2", "a step of theirs");
            tracing::info!(target: "rustls", "news of theirs");
            tracing::warn!(target: "r2d2", "a warning of theirs");
        });
        assert!(shown.contains("a step of ours") && shown.contains("a warning of theirs"));
        assert!(
            !shown.contains("a step of theirs") && !shown.contains("news"),
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
    fn where_requests_and_frames_pass_by_nothing_is_shown_at_any_level() {
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
