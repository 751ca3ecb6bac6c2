//! Progress bars, on a terminal only.

use std::time::Duration;

use chattrix::store::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// Interval between two frames of a spinner.
const TICK: Duration = Duration::from_millis(120);

/// Progress bar on standard error.
pub struct Bar(ProgressBar);

impl Bar {
    /// Creates a bar for work of known size.
    pub fn new(what: &'static str) -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} %, {eta} left");
        bar.set_style(style.expect("the template is well formed"));
        bar.set_message(what);
        Self(bar)
    }

    /// Creates a spinner for work of unknown size.
    pub fn spinner(what: &'static str) -> Self {
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}");
        bar.set_style(style.expect("the template is well formed"));
        bar.set_message(what);
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Sets the progress.
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
