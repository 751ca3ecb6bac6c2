//! What keeps the writer.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::report;

/// Times for which the writer was blocked, by batch, from the traces of its thread.
#[derive(Clone, Default)]
pub struct Holds(Arc<Mutex<Vec<Hold>>>);

/// Times of a batch, in microseconds.
#[derive(Clone, Copy, Default)]
struct Hold {
    /// Until its jobs had run and it was committed.
    written: u64,
    /// Of that, the commit.
    commit: u64,
    /// Until the next batch could begin.
    held: u64,
}

impl<S: tracing::Subscriber> Layer<S> for Holds {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut hold = Hold::default();
        event.record(&mut hold);
        self.0.lock().push(hold);
    }
}

impl Visit for Hold {
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "written_us" => self.written = value,
            "commit_us" => self.commit = value,
            "held_us" => self.held = value,
            _ => (),
        }
    }
}

impl Holds {
    /// Clears the recorded times.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// Reports the times since the last report.
    pub fn report(&self) {
        let holds = std::mem::take(&mut *self.0.lock());
        let line = |what: &str, time: fn(&Hold) -> u64| {
            let times = holds.iter().map(time).map(Duration::from_micros);
            report(what, times.collect());
        };
        line("  the writer, held by a batch", |hold| hold.held);
        line("    by its jobs", |hold| hold.written - hold.commit);
        line("    by its commit", |hold| hold.commit);
        line("    by what follows", |hold| hold.held - hold.written);
    }
}
