//! Connections for reading, each used by one read at a time.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::error::Error;
use super::schema;

/// How long a read waits for a connection. In turn: the locks are fair, so that nobody waits for ever while
/// others come and go, as happens with a pool that gives what is free to whoever comes by.
const PATIENCE: Duration = Duration::from_secs(1);

/// The connections of one kind of reads.
pub(super) struct Readers {
    connections: Vec<Mutex<Connection>>,
    /// At which of them the next who finds all busy waits.
    turn: AtomicUsize,
}

impl Readers {
    /// Opens `count` connections to `path`: all of them now, since a descriptor may be hard to get once
    /// thousands of clients are there.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn open(path: &Path, count: usize) -> Result<Self, Error> {
        let connections = (0..count)
            .map(|_| schema::open_reader(path).map(Mutex::new))
            .collect::<Result<_, _>>()?;
        let turn = AtomicUsize::new(0);
        Ok(Self { connections, turn })
    }

    /// Reads on a free connection, or on the first to be free of one that others wait for too.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where none is free in time.
    pub fn with<T>(&self, read: impl FnOnce(&Connection) -> T) -> Result<T, Error> {
        let free = self.connections.iter().find_map(Mutex::try_lock);
        let connection = free.or_else(|| {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.connections.len();
            self.connections[turn].try_lock_for(PATIENCE)
        });
        let busy = || Error::Unavailable("every reader of the database is busy".to_owned());
        Ok(read(&*connection.ok_or_else(busy)?))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::time::Instant;

    use super::*;

    #[test]
    fn nobody_starves_behind_many_who_read_without_a_pause() {
        const READERS: usize = 16;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calls.db");
        drop(schema::open_for_writing(&path).expect("a database"));
        let readers = Readers::open(&path, 1).expect("a reader");
        let (all, until) = (Barrier::new(READERS), Duration::from_millis(500));
        let read = || {
            all.wait();
            let (began, mut longest) = (Instant::now(), Duration::ZERO);
            while began.elapsed() < until {
                let asked = Instant::now();
                let spin = |_: &Connection| {
                    let got = Instant::now();
                    while got.elapsed() < Duration::from_micros(100) {
                        std::hint::spin_loop();
                    }
                };
                readers.with(spin).expect("a turn");
                longest = longest.max(asked.elapsed());
            }
            longest
        };
        let longest = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
            let waits = threads.into_iter().map(|it| it.join().expect("it reads"));
            waits.max()
        });
        assert!(longest < Some(PATIENCE), "{longest:?}");
    }
}
