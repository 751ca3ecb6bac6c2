//! Size of the write-ahead log, and the programs whose read keeps SQLite from restarting it.

use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use chattrix::store::{Lock, beside};

use super::db::stats::{size, wal};
use super::doctor::Finding;
use super::format;

/// Size of a write-ahead log that is truncated too rarely.
const LARGE_WAL: u64 = 64 << 20;

/// Bytes of the file `-shm` that a reader locks as long as its transaction lasts (sqlite.org/walformat.html, section 2.3.1).
const READ_LOCKS: RangeInclusive<u64> = 123..=127;

/// Examines the write-ahead log of `database`; `server` is the process id of the server.
pub fn examine(database: &Path, server: Option<u32>) -> Option<Finding> {
    const ABOUT: &str = "database";
    if !database.exists() {
        return None;
    }
    let (file, log) = (size(database), size(&wal(database)));
    let message = format!(
        "{}, write-ahead log {}",
        format::bytes(file),
        format::bytes(log)
    );
    if log <= LARGE_WAL {
        return Some(Finding::well(ABOUT, message));
    }
    if !Lock::is_held(database).unwrap_or(false) {
        let advice = "the server was killed; its next start truncates the log";
        return Some(Finding::odd(ABOUT, message, advice));
    }
    let readers: Vec<_> = find_readers(database)
        .into_iter()
        .filter(|reader| Some(*reader) != server)
        .map(describe_process)
        .collect();
    Some(if readers.is_empty() {
        let advice = "a long read prevents its truncation: find the program that keeps the database \
                      open (fuser), such as a blocked backup";
        Finding::odd(ABOUT, message, advice)
    } else {
        let message = format!("{message}, read by {}", readers.join(", "));
        let advice = "a long read prevents its truncation: end or restart that program. Litestream reads all \
                      the time; the log stays long beside it";
        Finding::odd(ABOUT, message, advice)
    })
}

/// Returns the processes that have a read transaction on `database`, as far as this machine shows their locks.
fn find_readers(database: &Path) -> Vec<u32> {
    let Ok(index) = fs::metadata(beside(database, "-shm")) else {
        return Vec::new();
    };
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut readers: Vec<_> = locks
        .lines()
        .filter_map(|line| find_reader(line, index.ino()))
        .collect();
    readers.sort_unstable();
    readers.dedup();
    readers
}

/// Returns the process of a line of `/proc/locks` (`proc_locks(5)`) if it is a read lock on the file `inode`. The device is
/// not compared: on some file systems, stat(2) returns another one.
fn find_reader(line: &str, inode: u64) -> Option<u32> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let [_, "POSIX", _, "READ", process, file, first, _] = fields[..] else {
        return None;
    };
    let (_, locked) = file.rsplit_once(':')?;
    let (locked, first): (u64, u64) = (locked.parse().ok()?, first.parse().ok()?);
    let is_reader = locked == inode && READ_LOCKS.contains(&first);
    is_reader.then(|| process.parse().ok()).flatten()
}

/// Returns the name and the id of a process.
fn describe_process(process: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{process}/comm"));
    let name = name.unwrap_or_else(|_| "another program".to_owned());
    format!("{} (process {process})", name.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_read_locks_of_this_file_are_readers() {
        for (line, expected) in [
            ("9: POSIX  ADVISORY  READ 213 fe:00:77 123 123", Some(213)),
            ("9: POSIX  ADVISORY  READ 213 fe:00:77 127 127", Some(213)),
            // Every open connection; a writer; another file; a blocked lock; a process elsewhere.
            ("9: POSIX  ADVISORY  READ 213 fe:00:77 128 128", None),
            ("9: POSIX  ADVISORY  WRITE 213 fe:00:77 123 123", None),
            ("9: POSIX  ADVISORY  READ 213 fe:00:78 123 123", None),
            ("9: -> POSIX  ADVISORY  READ 213 fe:00:77 123 123", None),
            ("9: OFDLCK ADVISORY  READ -1 fe:00:77 123 123", None),
        ] {
            assert_eq!(find_reader(line, 77), expected, "{line}");
        }
    }
}
