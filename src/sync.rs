//! What the hub's tasks wait for each other by, named in one place: `tests/interleavings` puts a scheduler's own
//! under the hub, which tries the orders that no load brings about.

pub use std::sync::atomic::{AtomicBool, AtomicUsize};

pub use parking_lot::Mutex;
pub use tokio::sync::Notify;
