//! Pool of connections to PostgreSQL for reading, each used by one read at a time. They are opened when they are needed, and
//! again after they broke.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::engine::{Server, Session};
use super::error::Error;

/// Pool of connections.
pub(super) struct ConnectionPool {
    server: Server,
    limit: usize,
    state: Mutex<State>,
    returned: Condvar,
}

struct State {
    idle: Vec<Session>,
    in_use: usize,
}

impl ConnectionPool {
    /// Makes a pool of up to `limit` connections to `server`.
    pub fn new(server: Server, limit: usize) -> Self {
        Self {
            server,
            limit,
            state: Mutex::new(State {
                idle: Vec::new(),
                in_use: 0,
            }),
            returned: Condvar::new(),
        }
    }

    /// Reads on a connection; waits up to `patience` for one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if none is free in time or PostgreSQL is not reachable.
    pub fn with<T>(
        &self,
        patience: Duration,
        read: impl FnOnce(&Session) -> T,
    ) -> Result<T, Error> {
        let idle = self.take(Instant::now() + patience)?;
        // Given back on every way out, panics included.
        let _slot = Slot(self);
        let session = match idle {
            Some(session) if !session.is_closed() => session,
            Some(_) | None => Session::connect(&self.server)
                .map_err(|error| Error::Unavailable(error.to_string()))?,
        };
        let value = read(&session);
        if !session.is_closed() {
            self.state.lock().idle.push(session);
        }
        Ok(value)
    }

    /// Takes a slot, with an idle connection if there is one.
    fn take(&self, until: Instant) -> Result<Option<Session>, Error> {
        let mut state = self.state.lock();
        while state.in_use >= self.limit {
            if self.returned.wait_until(&mut state, until).timed_out() {
                return Err(Error::Unavailable(
                    "every reader of the database is busy".to_owned(),
                ));
            }
        }
        state.in_use += 1;
        Ok(state.idle.pop())
    }
}

/// Slot of the pool, released when dropped.
struct Slot<'p>(&'p ConnectionPool);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.state.lock().in_use -= 1;
        self.0.returned.notify_one();
    }
}
