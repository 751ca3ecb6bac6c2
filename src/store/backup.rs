//! Whole copies of a database: backup and restore.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::error::Error;
use super::lock::Lock;
use super::{Database, beside};

/// Pages copied at a time: 4 MB, some milliseconds.
const STEP_PAGES: i32 = 1024;

/// A pause where another connection is in the way.
const PAUSE: Duration = Duration::from_millis(20);

/// How far something is that takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is done: pages copied, users imported.
    pub done: u64,
    /// What there is to do.
    pub total: u64,
}

impl Database {
    /// Copies the database, as it is at this instant, into the new file `to`; others may write to it all the
    /// while. The copy is one file, checked whole and on disk when this returns. Nothing is overwritten: the
    /// file appears under its name when it is complete.
    ///
    /// # Errors
    /// [`Error::Exists`] where there is such a file already, [`Error::File`], [`Error::Damaged`].
    pub fn back_up(&self, to: &Path, progress: impl FnMut(Progress)) -> Result<(), Error> {
        self.file("a backup", "pg_dump")?;
        if to.symlink_metadata().is_ok() {
            return Err(Error::Exists {
                path: to.to_owned(),
            });
        }
        let copy = Unfinished::beside(to)?;
        self.copy_into(&copy.path, progress)?;
        copy.publish(to)
    }

    /// Copies the database into `path`, an empty file, and checks the copy.
    fn copy_into(&self, path: &Path, mut progress: impl FnMut(Progress)) -> Result<(), Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(path, flags)?;
        // A transaction that stays open holds the snapshot: without it the copy would begin anew after every
        // write of the server, and never end (sqlite.org/c3ref/backup_finish.html).
        let conn = self.file("a backup", "pg_dump")?;
        let snapshot = conn.unchecked_transaction()?;
        snapshot.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        let backup = Backup::new(conn, &mut copy)?;
        loop {
            let step = backup.step(STEP_PAGES)?;
            let pages = backup.progress();
            let count = |pages: i32| u64::try_from(pages).unwrap_or(0);
            let total = count(pages.pagecount);
            progress(Progress {
                done: total.saturating_sub(count(pages.remaining)),
                total,
            });
            match step {
                StepResult::Done => break,
                StepResult::More => (),
                // The enumeration is open; whatever else comes is for the next step to say.
                _ => std::thread::sleep(PAUSE),
            }
        }
        drop(backup);
        drop(snapshot);
        // One file that can be read from anywhere; a server that opens it turns the log on again.
        copy.pragma_update(None, "journal_mode", "DELETE")?;
        let verdict: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(Error::Damaged {
                path: path.to_owned(),
                found: verdict,
            });
        }
        copy.close().map_err(|(_, error)| error)?;
        Ok(())
    }
}

/// Puts a copy of `backup` in the place of the database at `path`, which its `lock` keeps everybody else away
/// from. What was there is kept as `kept`.
///
/// # Errors
/// [`Error::Exists`] where there is such a file as `kept`, [`Error::File`], and what is wrong with the backup.
pub fn restore(
    _lock: &Lock,
    path: &Path,
    backup: &Database,
    kept: &Path,
    progress: impl FnMut(Progress),
) -> Result<(), Error> {
    let copy = Unfinished::beside(path)?;
    backup.copy_into(&copy.path, progress)?;
    // The lock creates an empty file if there was none.
    if fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        keep_replaced(path, kept)?;
    }
    copy.replace(path)
}

/// Gives the database at `path` a second name, under which it stays when `path` is replaced.
fn keep_replaced(path: &Path, kept: &Path) -> Result<(), Error> {
    // What is in its log goes into the file; where that fails (it may be damaged), the log is kept beside it.
    if let Ok(conn) = Connection::open(path) {
        let _ = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
    // The log goes first: a file that met the log of another would be ruined by it.
    let log = beside(path, "-wal");
    if log.exists() {
        let kept_log = beside(kept, "-wal");
        fs::rename(&log, &kept_log).map_err(|error| failed(&kept_log, &error))?;
    }
    let index = beside(path, "-shm");
    if index.exists() {
        fs::remove_file(&index).map_err(|error| failed(&index, &error))?;
    }
    link(path, kept)
}

/// A file that is being written beside the one it will become; removed where it does not.
struct Unfinished {
    path: PathBuf,
    /// Shows other commands that this one still writes the file.
    _lock: File,
}

/// The end of the names of such files.
const SUFFIX: &str = "-unfinished";

/// Removes what interrupted commands left in `directory`: files of such names that no process has locked.
fn remove_leftovers(directory: &Path, prefix: &OsStr) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let prefix = prefix.as_encoded_bytes();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        let is_ours = name.starts_with(prefix) && name.ends_with(SUFFIX.as_bytes());
        if is_ours
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            remove_all(&entry.path());
        }
    }
}

/// Removes an unfinished file with those that SQLite keeps beside it.
fn remove_all(path: &Path) {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let _ = fs::remove_file(beside(path, suffix));
    }
}

impl Unfinished {
    fn beside(target: &Path) -> Result<Self, Error> {
        let mut prefix = target.file_name().unwrap_or_default().to_owned();
        prefix.push("-");
        remove_leftovers(directory_of(target), &prefix);
        loop {
            // Unique, so that two commands with one target do not write one file; mode 0600.
            let file = tempfile::Builder::new()
                .prefix(&prefix)
                .suffix(SUFFIX)
                .tempfile_in(directory_of(target))
                .map_err(|error| failed(target, &error))?;
            let (lock, path) = file.keep().map_err(|error| failed(target, &error.error))?;
            lock.lock().map_err(|error| failed(&path, &error))?;
            // Before the lock, another command may have removed it as a leftover.
            if path.exists() {
                return Ok(Self { path, _lock: lock });
            }
        }
    }

    /// Gives the file its name, which nothing may have yet.
    fn publish(self, target: &Path) -> Result<(), Error> {
        self.sync()?;
        link(&self.path, target)?;
        sync_directory_of(target)
    }

    /// Gives the file its name, whatever had it before.
    fn replace(self, target: &Path) -> Result<(), Error> {
        self.sync()?;
        fs::rename(&self.path, target).map_err(|error| failed(target, &error))?;
        sync_directory_of(target)
    }

    fn sync(&self) -> Result<(), Error> {
        let file = File::open(&self.path).map_err(|error| failed(&self.path, &error))?;
        file.sync_all().map_err(|error| failed(&self.path, &error))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        remove_all(&self.path);
    }
}

/// Gives the file `from` the name `to` as well, and never overwrites.
fn link(from: &Path, to: &Path) -> Result<(), Error> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Error::Exists {
            path: to.to_owned(),
        }),
        // Some file systems have no hard links.
        Err(_) => match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(Error::Exists {
                path: to.to_owned(),
            }),
            Err(error) => Err(failed(to, &error.into())),
        },
    }
}

/// A name is on disk when its directory is.
fn sync_directory_of(path: &Path) -> Result<(), Error> {
    let directory = directory_of(path);
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| failed(directory, &error))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn failed(path: &Path, cause: &std::io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}
