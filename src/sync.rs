//! Locks and atomics of the hub, named in one place: `tests/interleavings` replaces them with those of a scheduler that
//! tries orders which no load produces.

pub use std::sync::atomic::{AtomicBool, AtomicUsize};

pub use parking_lot::Mutex;
pub use tokio::sync::Notify;
