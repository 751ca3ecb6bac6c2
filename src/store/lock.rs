//! The lock beside the database: one server a file.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use super::beside;
use super::error::Error;

/// How often a lock that is held is tried again, and how long after: a command that asks whether a server
/// runs holds it for some microseconds, which must not keep a server from starting.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Held by the one who owns the database: a running server, or a command that needs it for itself. Given
/// back when dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Content of the lock file of a server that stopped in order.
const STOPPED: &[u8] = b"stopped";

impl Lock {
    /// Locks the database at `path`.
    ///
    /// The lock is on a file beside the database, because closing any descriptor of the database itself would
    /// drop SQLite's own locks (sqlite.org/howtocorrupt.html, section 2.2).
    ///
    /// # Errors
    /// [`Error::InUse`] where a server or another command holds it, [`Error::Open`].
    pub fn take(path: &Path) -> Result<Self, Error> {
        let file = File::options()
            .create(true)
            .read(true)
            .append(true)
            .open(beside(path, "-lock"))
            .map_err(|error| cannot_open(path, &error))?;
        for _ in 1..ATTEMPTS {
            if file.try_lock().is_ok() {
                return Ok(Self { file });
            }
            std::thread::sleep(PAUSE);
        }
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(cannot_open(path, &error)),
        }
    }

    /// Whether the server before this one stopped in order, and with that forgets it: from now on a server runs.
    pub(super) fn take_stopped_mark(&self) -> bool {
        let mut mark = Vec::new();
        let is_marked = (&self.file).read_to_end(&mut mark).is_ok() && mark == STOPPED;
        // Where it cannot be emptied, the next start believes in an orderly stop; then events of the last seconds
        // before a crash may be missing for clients, which see the state of their calls all the same.
        if let Err(error) = self.file.set_len(0) {
            tracing::warn!(%error, "the lock file cannot be written");
        }
        is_marked
    }

    /// Records that the server stops in order.
    pub(super) fn mark_stopped(&self) {
        if let Err(error) = (&self.file).write_all(STOPPED) {
            tracing::warn!(%error, "the lock file cannot be written");
        }
    }

    /// Whether somebody holds the database at `path`. Makes no file.
    ///
    /// # Errors
    /// [`Error::Open`], where that cannot be told.
    pub fn is_held(path: &Path) -> Result<bool, Error> {
        let file = match File::open(beside(path, "-lock")) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(cannot_open(path, &error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(cannot_open(path, &error)),
        }
    }
}

fn cannot_open(path: &Path, cause: &dyn std::fmt::Display) -> Error {
    Error::Open {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_seen_while_it_is_held_and_looking_makes_no_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("chattrix.db");
        assert!(!Lock::is_held(&path).expect("nobody"));
        assert_eq!(dir.path().read_dir().expect("a folder").count(), 0);
        let lock = Lock::take(&path).expect("free");
        assert!(Lock::is_held(&path).expect("held"));
        assert!(matches!(Lock::take(&path), Err(Error::InUse { .. })));
        drop(lock);
        assert!(!Lock::is_held(&path).expect("free again"));
    }
}
