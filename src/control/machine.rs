//! What the machine allows this process.

use rustix::process::{Resource, getrlimit};

/// Files that this process may have open, where that is limited.
#[must_use]
pub fn open_files_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Files that this process has open, where the system tells (Linux).
pub(super) fn open_files() -> Option<u64> {
    let files = std::fs::read_dir("/proc/self/fd").ok()?;
    u64::try_from(files.count()).ok()
}
