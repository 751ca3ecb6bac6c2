//! Bars for what takes long, on a terminal only.

use std::time::Duration;

use chattrix::store::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// How often what has no measure shows that it is alive.
const TICK: Duration = Duration::from_millis(120);

/// Shows how far something is, on standard error where that is a terminal.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar for something of which it is known how long it is.
    pub fn new(what: &'static str) -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} %, {eta} left");
        bar.set_style(style.expect("the template is well formed"));
        bar.set_message(what);
        Self(bar)
    }

    /// A sign of life for something of which it is not.
    pub fn spinner(what: &'static str) -> Self {
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}");
        bar.set_style(style.expect("the template is well formed"));
        bar.set_message(what);
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Moves it.
    pub fn set(&self, progress: Progress) {
        self.0.set_length(progress.total);
        self.0.set_position(progress.done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
