//! Fills a database with calls that never were.

use std::path::Path;

use chattrix::clock::Timestamp;
use chattrix::store::Database;
use chattrix::user::Profile;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rusqlite::Connection;

use crate::{Outcome, SPAN, USERS, profile};

/// Entries of the user with the long history.
const LONG_HISTORY: u64 = 100_000;

/// Row of a generated call. Its codes are those of `src/store`.
struct Invented {
    id: [u8; 16],
    caller: u64,
    callee: u64,
    call_type: u64,
    /// COMPLETED, MISSED, REJECTED or CANCELLED.
    outcome: u64,
    at_ms: u64,
    /// Duration, if it was answered.
    seconds: Option<u64>,
}

impl Invented {
    /// Makes a call between any two users; with the long history's user as caller or callee if the call is for that
    /// history.
    fn at(at_ms: u64, for_long_history: bool, random: &mut StdRng) -> Self {
        let id = uuid::Builder::from_unix_timestamp_millis(at_ms, &random.random()).into_uuid();
        let mut parties = [2..=USERS, 2..=USERS].map(|keys| random.random_range(keys));
        if for_long_history {
            parties[random.random_range(0..2)] = 1;
        }
        if parties[0] == parties[1] {
            parties[1] = USERS + 1;
        }
        let outcome = [0, 0, 0, 0, 0, 0, 0, 1, 2, 3][random.random_range(0..10)];
        Self {
            id: *id.as_bytes(),
            caller: parties[0],
            callee: parties[1],
            call_type: random.random_range(0..2),
            outcome,
            at_ms,
            seconds: (outcome == 0).then(|| random.random_range(1..900)),
        }
    }

    /// Writes the rows that a server would have written.
    fn insert(&self, conn: &Connection) -> rusqlite::Result<()> {
        let Self {
            id,
            caller,
            callee,
            outcome,
            at_ms,
            seconds,
            ..
        } = self;
        let started = seconds.map(|_| at_ms + 5_000);
        let ended = at_ms + 5_000 + seconds.unwrap_or(0) * 1_000;
        let status: u8 = [4, 6, 5, 4][usize::try_from(*outcome).expect("a small number")];
        let reason = (status == 5).then_some(1);
        let duration = (status == 4).then(|| seconds.unwrap_or(0));
        // As src/store/steps.rs has them: the actor is 1 for the caller and 2 for the callee.
        let step = |status: u8, actor: u8, at: u64| {
            let [source, cause] = [1, 6];
            let no_session = [0; 4];
            [
                &[status, actor, source, cause][..],
                &at.to_be_bytes(),
                &no_session,
            ]
            .concat()
        };
        let answered = started.map_or(Vec::new(), |at| {
            [step(2, 2, at), step(3, 2, at + 300)].concat()
        });
        let steps = [step(1, 1, *at_ms), answered, step(status, 1, ended)].concat();
        run(
            conn,
            "INSERT INTO calls (id, caller, callee, call_type, channel, status, created_at, updated_at,
                                started_at, ended_at, duration_seconds, ended_by, reason, steps)
             VALUES (?1, ?2, ?3, ?4, 'channel-0123456789', ?5, ?6, ?7, ?8, ?7, ?9, ?2, ?10, ?11)",
            (
                id, caller, callee, self.call_type, status, at_ms, ended, started, duration, reason, steps,
            ),
        )?;
        // The callee missed the call that the caller cancelled.
        let for_callee = if *outcome == 3 { 1 } else { *outcome };
        for (owner, remote, outcome, direction) in [
            (caller, callee, *outcome, 1),
            (callee, caller, for_callee, 0),
        ] {
            let kind = outcome * 4 + self.call_type * 2 + direction;
            let duration = duration.filter(|_| outcome == 0 || outcome == 3);
            let looks = (outcome == 1 && direction == 0).then_some(0);
            run(
                conn,
                "INSERT INTO history (owner, kind, call, remote, duration_seconds, looks)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (owner, kind, id, remote, duration, looks),
            )?;
            if looks.is_some() {
                run(
                    conn,
                    "UPDATE users SET unseen = unseen + 1 WHERE key = ?1",
                    [owner],
                )?;
            }
        }
        Ok(())
    }
}

fn run(conn: &Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
    conn.prepare_cached(sql)?.execute(values)
}

/// Fills the tables directly, in the order of a server.
pub fn fill(file: &Path, calls: u64, now: Timestamp) -> Outcome<()> {
    drop(Database::open(file)?);
    let mut conn = Connection::open(file)?;
    conn.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000;
         PRAGMA foreign_keys = OFF",
    )?;
    let transaction = conn.transaction()?;
    for key in 1..=USERS + 1 {
        let Profile { id, name, .. } = profile(key);
        transaction
            .prepare_cached(
                "INSERT INTO users (key, id, name, standing, created_at) VALUES (?1, ?2, ?3, 0, 0)",
            )?
            .execute((key, id.as_str(), name))?;
    }
    let mut random = StdRng::seed_from_u64(4);
    let span_ms = u64::try_from(SPAN.as_millis())?;
    let first_ms = u64::try_from(now.as_millis())? - span_ms;
    let long_every = (calls / LONG_HISTORY).max(1);
    for place in 0..calls {
        let at_ms = first_ms + place * span_ms / calls;
        let is_long = place % long_every == 0;
        Invented::at(at_ms, is_long, &mut random).insert(&transaction)?;
    }
    transaction.commit()?;
    Ok(())
}
