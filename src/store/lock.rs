//! The lock of a database: one server a file.
//!
//! The lock is on the file itself, so that every name of it counts: a symbolic link, a hard link. It is an flock(2),
//! which on Linux does not meet the fcntl(2) locks of SQLite.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::engine::{Server, is_url};
use super::error::Error;
use super::file_name::{beside, is_sqlite_name};
use super::node;

/// How often a lock that is held is tried again, and how long after: a command that asks whether a server
/// runs holds it for some microseconds, which must not keep a server from starting.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Exclusive use of a database: for a running server, or a command that needs the file for itself. Dropping it releases
/// the lock.
///
/// To be taken before this process opens a connection to the file and dropped after the last one is closed: closing
/// any descriptor of a file drops all fcntl locks that the process has on it, which are SQLite's
/// (sqlite.org/howtocorrupt.html, section 2.2).
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
    /// The file `-lock` beside the database. Its content is the mark of an orderly stop; releases before this one lock
    /// it in place of the database, so that it is locked too.
    mark: File,
}

/// Content of the lock file of a server that stopped in order.
const STOPPED: &[u8] = b"stopped";

impl Lock {
    /// Locks the database at `path`, and creates an empty one that only its owner may read if there is none.
    ///
    /// # Errors
    /// [`Error::InUse`] if a server or another command holds it, [`Error::Open`].
    pub fn take(path: &Path) -> Result<Self, Error> {
        if is_url(path) {
            return Err(Error::NotAFile {
                purpose: "a lock",
                tool: "psql",
            });
        }
        refuse_special_file(path)?;
        for _ in 1..ATTEMPTS {
            if let Ok(lock) = Self::try_take(path) {
                return Ok(lock);
            }
            std::thread::sleep(PAUSE);
        }
        Self::try_take(path)
    }

    fn try_take(path: &Path) -> Result<Self, Error> {
        let file = create_and_lock(path, path)?;
        let mark = create_and_lock(&mark_beside(path), path)?;
        let taken = Self {
            path: path.to_owned(),
            file,
            mark,
        };
        // Another process may have replaced the file between the two steps.
        if taken.is_current() {
            Ok(taken)
        } else {
            Err(Error::InUse {
                path: path.to_owned(),
            })
        }
    }

    /// Returns whether the server before this one stopped in order, and removes its mark, since a server runs now.
    pub(super) fn take_stopped_mark(&self) -> bool {
        let mut mark = Vec::new();
        let is_marked = (&self.mark).read_to_end(&mut mark).is_ok() && mark == STOPPED;
        // If it cannot be emptied, the next start assumes an orderly stop. Clients may then miss events of the last
        // seconds before a crash; they still read the state of their calls.
        if let Err(error) = self.mark.set_len(0) {
            tracing::warn!(%error, "the lock file cannot be written");
        }
        is_marked
    }

    /// Records that the server stops in order; not if another database has its name by now.
    pub(super) fn mark_stopped(&self) {
        if !self.is_current() {
            return;
        }
        if let Err(error) = (&self.mark).write_all(STOPPED) {
            tracing::warn!(%error, "the lock file cannot be written");
        }
    }

    /// Returns whether the name still stands for the locked file, which may have been replaced or removed.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let Ok(held) = self.file.metadata() else {
            return false;
        };
        match fs::metadata(&self.path) {
            Ok(named) => is_same(&held, &named),
            Err(error) => error.kind() != ErrorKind::NotFound,
        }
    }

    /// Returns whether a process holds the database at `path`; with PostgreSQL, whether a node is active. Creates no file. To be called before this process opens
    /// a connection to the file, for the reason that [`Lock`] gives.
    ///
    /// # Errors
    /// [`Error::Open`], if that cannot be told.
    pub fn is_held(path: &Path) -> Result<bool, Error> {
        if let Some(server) = Server::of(path)? {
            return node::is_held(&server);
        }
        refuse_special_file(path)?;
        for name in [mark_beside(path), path.to_owned()] {
            let file = match File::open(name) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(cannot_open(path, &error)),
            };
            match file.try_lock_shared() {
                Ok(()) => (),
                Err(TryLockError::WouldBlock) => return Ok(true),
                Err(TryLockError::Error(error)) => return Err(cannot_open(path, &error)),
            }
        }
        Ok(false)
    }
}

/// Refuses a pipe, a socket or a device in place of a database: opening it may wait for ever. Also refuses names under
/// which SQLite would open another file than the one that is locked.
pub(super) fn refuse_special_file(path: &Path) -> Result<(), Error> {
    if is_sqlite_name(path) {
        let cause = "SQLite reads this name as a URI or as no file; write ./ before a file name";
        return Err(cannot_open(path, &cause));
    }
    let Ok(found) = fs::metadata(path) else {
        return Ok(());
    };
    let kind = found.file_type();
    if kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device() {
        return Err(Error::NotOurs {
            path: path.to_owned(),
            found: "it is not a regular file".to_owned(),
        });
    }
    Ok(())
}

fn mark_beside(path: &Path) -> PathBuf {
    beside(path, "-lock")
}

/// Opens and locks `file` of the database `path`; creates it for its owner alone if it is missing.
fn create_and_lock(file: &Path, path: &Path) -> Result<File, Error> {
    let file = File::options()
        .create(true)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(file)
        .map_err(|error| cannot_open(path, &error))?;
    lock(&file, path)?;
    Ok(file)
}

fn lock(file: &File, path: &Path) -> Result<(), Error> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Error::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(cannot_open(path, &error)),
    }
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
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
    fn a_held_lock_is_seen_and_looking_creates_no_file() {
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

    #[test]
    fn a_lock_counts_for_every_name_of_the_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("chattrix.db");
        let _lock = Lock::take(&path).expect("free");
        let (soft, hard) = (dir.path().join("soft.db"), dir.path().join("hard.db"));
        std::os::unix::fs::symlink(&path, &soft).expect("a link");
        fs::hard_link(&path, &hard).expect("a link");
        for name in [soft, hard] {
            assert!(Lock::is_held(&name).expect("held"));
            assert!(matches!(Lock::take(&name), Err(Error::InUse { .. })));
        }
    }

    #[test]
    fn a_server_of_an_earlier_release_holds_the_database() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("chattrix.db");
        let former = File::create(beside(&path, "-lock")).expect("a file");
        former.lock().expect("free");
        assert!(Lock::is_held(&path).expect("held"));
        assert!(matches!(Lock::take(&path), Err(Error::InUse { .. })));
    }

    #[test]
    fn a_replaced_or_removed_file_is_noticed() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("chattrix.db");
        let lock = Lock::take(&path).expect("free");
        assert!(lock.is_current());
        fs::remove_file(&path).expect("removed");
        assert!(!lock.is_current());
        fs::write(&path, "").expect("another file");
        assert!(!lock.is_current());
    }

    #[test]
    fn a_new_database_is_readable_by_its_owner_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("chattrix.db");
        drop(Lock::take(&path).expect("free"));
        let mode = fs::metadata(&path).expect("a file").mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_pipe_is_refused_without_opening_it() {
        assert!(matches!(
            Lock::take(Path::new("/dev/null")),
            Err(Error::NotOurs { .. })
        ));
    }
}
