//! The tables `kept_notices` and `app_events`: events for users who had no responsive session, and events of the team's
//! backend that are kept until they are confirmed.

use std::collections::HashSet;

use rusqlite::{named_params, params};
use serde::Deserialize;

use crate::call::notice::MissedCall;
use crate::call::{Actor, AppEvent, AppMessage, Audience, CallId, Event, Lacking, Notice};
use crate::clock::Timestamp;
use crate::user::{Profile, SessionDigest, SessionId, UserId};

use super::calls::{actor, call_id, instant};
use super::engine::Row;
use super::enum_codes::{Columns, encode};
use super::error::Error;
use super::users::user_id;
use super::{Read, Write};

/// `kind` of each event that can be kept.
const ACCEPTED: i64 = 0;
const REJECTED: i64 = 1;
const ENDED: i64 = 2;
const TIMED_OUT: i64 = 3;
const MISSED: i64 = 4;
const APP: i64 = 5;

/// `call` of an event that is of no call.
const NO_CALL: uuid::Uuid = uuid::Uuid::nil();

/// An event as a row.
struct Kept<'a> {
    kind: i64,
    call: CallId,
    actor: Option<&'a UserId>,
    /// The code of the reason; of a missed call, the code of its type.
    reason: Option<i64>,
    duration_seconds: Option<u32>,
}

impl<'a> Kept<'a> {
    /// The row for the event of a call; none where it is not kept.
    fn of(event: &'a Event) -> Option<Self> {
        let kept = |kind, call, actor| Self {
            kind,
            call,
            actor,
            reason: None,
            duration_seconds: None,
        };
        match event {
            Event::Invitation(_)
            | Event::QualityWarning { .. }
            | Event::Signal(_)
            | Event::App(_) => None,
            Event::Accepted { call, accepted_by } => Some(kept(ACCEPTED, *call, Some(accepted_by))),
            Event::Rejected {
                call,
                rejected_by,
                reason,
            } => Some(Self {
                reason: Some(encode(*reason)),
                ..kept(REJECTED, *call, Some(rejected_by))
            }),
            Event::Ended {
                call,
                ended_by,
                duration_seconds,
            } => {
                let user = match ended_by {
                    Actor::User(user) => Some(user),
                    Actor::System => None,
                };
                Some(Self {
                    duration_seconds: Some(*duration_seconds),
                    ..kept(ENDED, *call, user)
                })
            }
            Event::TimedOut { call } => Some(kept(TIMED_OUT, *call, None)),
            Event::Missed(missed) => Some(Self {
                reason: Some(encode(missed.call_type)),
                ..kept(MISSED, missed.call, Some(&missed.caller.id))
            }),
        }
    }
}

/// Event of a user, of which there is one for each call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    user: UserId,
    call: CallId,
    kind: i64,
}

/// The events that are pending for all users.
#[derive(Debug, Default)]
pub struct AllPending(HashSet<Key>);

impl AllPending {
    /// Whether `event` is pending for `user`.
    pub fn contains(&self, user: &UserId, event: &Event) -> bool {
        Kept::of(event).is_some_and(|kept| {
            self.0.contains(&Key {
                user: user.clone(),
                call: kept.call,
                kind: kept.kind,
            })
        })
    }
}

/// Event that is stored for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingEvent {
    /// Its row.
    pub row: i64,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The event.
    pub notice: Notice,
    /// Sessions that lack it.
    pub lacking: Lacking,
}

impl Read<'_> {
    /// The events that are stored for all users.
    pub fn all_pending_events(&self) -> Result<AllPending, Error> {
        let sql = "SELECT k.call, k.kind, u.id AS user_id
             FROM kept_notices AS k JOIN users AS u ON u.key = k.user";
        let keys = self.many(sql, params![], |row| {
            Ok(Key {
                user: user_id(row, "kept_notices", "user_id")?,
                call: CallId::from_uuid(uuid::Uuid::from_bytes(row.get("call")?)),
                kind: row.get("kind")?,
            })
        })?;
        Ok(AllPending(keys.into_iter().collect()))
    }

    /// The events that are stored for `user` and not expired at `now`, in their order.
    pub fn pending_events(
        &self,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Vec<PendingEvent>, Error> {
        let sql = "SELECT k.*, actor.id AS actor_id, actor.name AS actor_name, actor.avatar AS actor_avatar,
                    app.type AS app_type, app.data AS app_data
             FROM kept_notices AS k LEFT JOIN users AS actor ON actor.key = k.actor
             LEFT JOIN app_events AS app ON app.seq = k.app_event
             WHERE k.user = (SELECT key FROM users WHERE id = ?1) AND k.expires_at > ?2
             ORDER BY k.seq";
        self.readable(sql, params![user.as_str(), now.as_millis()], |row| {
            Ok(PendingEvent {
                row: row.get("seq")?,
                expires_at: Timestamp::from_millis(row.get("expires_at")?),
                notice: notice(row, user)?,
                lacking: lacking(row)?,
            })
        })
    }
}

impl Write<'_> {
    /// Stores `event` for the sessions of `user` that lack it, until `expires_at`. Returns its row; an event that is not
    /// kept has none.
    pub fn store_pending_event(
        &self,
        user: &UserId,
        event: &Event,
        at: Timestamp,
        expires_at: Timestamp,
        lacking: &Lacking,
    ) -> Result<Option<i64>, Error> {
        let Some(kept) = Kept::of(event) else {
            return Ok(None);
        };
        let row = self.insert("INSERT INTO kept_notices (user, at, expires_at, kind, call, actor, reason, duration_seconds, lacking)
             VALUES ((SELECT key FROM users WHERE id = :user), :at, :expires_at, :kind, :call,
                     (SELECT key FROM users WHERE id = :actor), :reason, :duration, :lacking)", named_params! {
                ":user": user.as_str(), ":at": at.as_millis(), ":expires_at": expires_at.as_millis(),
                ":kind": kept.kind, ":call": kept.call.as_bytes(), ":actor": kept.actor.map(UserId::as_str),
                ":reason": kept.reason,
                ":duration": kept.duration_seconds, ":lacking": lacking_text(lacking),
            })?;
        Ok(Some(row))
    }

    /// Stores the content of an event of the team's backend until `expires_at`; returns its number.
    pub fn store_app_event(
        &self,
        message: &AppMessage,
        expires_at: Timestamp,
    ) -> Result<i64, Error> {
        self.insert(
            "INSERT INTO app_events (type, data, expires_at) VALUES (?1, ?2, ?3)",
            params![message.kind(), message.data(), expires_at.as_millis()],
        )
    }

    /// Stores the event `app_event` of the team's backend for all sessions of `user`, and deletes the oldest such events
    /// of the user beyond `most`. Returns its row.
    pub fn store_pending_app_event(
        &self,
        user: &UserId,
        app_event: i64,
        [at, expires_at]: [Timestamp; 2],
        most: usize,
    ) -> Result<i64, Error> {
        let row = self.insert(
            "INSERT INTO kept_notices (user, at, expires_at, kind, call, app_event)
             VALUES ((SELECT key FROM users WHERE id = ?1), ?2, ?3, ?4, ?5, ?6)",
            params![
                user.as_str(),
                at.as_millis(),
                expires_at.as_millis(),
                APP,
                NO_CALL.as_bytes(),
                app_event
            ],
        )?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.run(
            "DELETE FROM kept_notices WHERE seq IN
                (SELECT seq FROM kept_notices
                 WHERE user = (SELECT key FROM users WHERE id = ?1) AND kind = ?2
                 ORDER BY seq DESC LIMIT 1 OFFSET ?3)",
            params![user.as_str(), APP, most],
        )?;
        Ok(row)
    }

    /// Deletes contents of events of the team's backend that expired at or before `now` and that no user is owed, at
    /// most `limit`; returns how many.
    pub fn delete_expired_app_events(&self, now: Timestamp, limit: u32) -> Result<usize, Error> {
        self.execute(
            "DELETE FROM app_events WHERE seq IN
                (SELECT seq FROM app_events AS app WHERE expires_at <= ?1
                 AND NOT EXISTS (SELECT 1 FROM kept_notices WHERE app_event = app.seq) LIMIT ?2)",
            params![now.as_millis(), limit],
        )
    }

    /// Deletes the row of an event that a session has confirmed.
    pub fn delete_pending_event(&self, row: i64) -> Result<(), Error> {
        self.run("DELETE FROM kept_notices WHERE seq = ?1", params![row])?;
        Ok(())
    }

    /// Deletes those of the oldest `limit` that expired at or before `now`. Returns for each whether no session had it.
    pub fn delete_expired_events(&self, now: Timestamp, limit: u32) -> Result<Vec<bool>, Error> {
        // From the oldest end alone, which expires first: there is no index by time.
        let sql = "DELETE FROM kept_notices WHERE expires_at <= ?1
                AND seq IN (SELECT seq FROM kept_notices ORDER BY seq LIMIT ?2)
             RETURNING lacking IS NULL";
        self.many(sql, params![now.as_millis(), limit], |row| row.get(0))
    }
}

/// Reads the column `lacking`: null, a list of sessions, or the digest of the session that acted.
fn lacking(row: &Row<'_>) -> Result<Lacking, Error> {
    let text: Option<String> = row.get("lacking")?;
    // The column is only written by this module; what is neither would be owed to any session.
    let value = text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(match value {
        Some(LackingColumn::Sessions(ids)) => {
            Lacking::Sessions(ids.iter().map(|id| SessionId::new(id)).collect())
        }
        Some(LackingColumn::AllBut(digest)) => Lacking::AllBut(SessionDigest(digest)),
        None => Lacking::All,
    })
}

fn lacking_text(lacking: &Lacking) -> Option<String> {
    match lacking {
        Lacking::All => None,
        Lacking::Sessions(sessions) => {
            let ids: Vec<&str> = sessions.iter().map(SessionId::as_str).collect();
            Some(serde_json::json!(ids).to_string())
        }
        Lacking::AllBut(SessionDigest(digest)) => Some(digest.to_string()),
    }
}

/// The column `lacking` as JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum LackingColumn {
    Sessions(Vec<String>),
    AllBut(u32),
}

pub(super) fn notice(row: &Row<'_>, user: &UserId) -> Result<Notice, Error> {
    let seq: i64 = row.get("seq")?;
    let columns = Columns {
        row,
        table: "kept_notices",
        id: &seq,
    };
    let at = instant(&columns, "at")?;
    let kind = columns.get("kind")?;
    if kind == APP {
        return Ok(Notice {
            audience: Audience::Participant(user.clone()),
            event: Event::App(app_event(&columns, at)?),
            at,
        });
    }
    let call = call_id(row, "kept_notices", "call")?;
    let user_actor = || match actor(&columns, "actor", "actor_id")? {
        Actor::User(user) => Ok(user),
        Actor::System => Err(columns.impossible("actor", "nobody")),
    };
    let event = match kind {
        ACCEPTED => Event::Accepted {
            call,
            accepted_by: user_actor()?,
        },
        REJECTED => Event::Rejected {
            call,
            rejected_by: user_actor()?,
            reason: columns.decode("reason")?,
        },
        ENDED => Event::Ended {
            call,
            ended_by: actor(&columns, "actor", "actor_id")?,
            duration_seconds: columns.required("duration_seconds")?,
        },
        TIMED_OUT => Event::TimedOut { call },
        MISSED => Event::Missed(MissedCall {
            call,
            caller: Profile {
                id: user_actor()?,
                name: columns.get("actor_name")?,
                avatar: columns.get("actor_avatar")?,
            },
            call_type: columns.decode("reason")?,
        }),
        other => return Err(columns.impossible("kind", &other.to_string())),
    };
    Ok(Notice {
        audience: Audience::Participant(user.clone()),
        event,
        at,
    })
}

fn app_event(columns: &Columns<'_>, at: Timestamp) -> Result<AppEvent, Error> {
    let [kind, data]: [String; 2] = [columns.required("app_type")?, columns.required("app_data")?];
    let message = AppMessage::new(&kind, &data);
    Ok(AppEvent {
        message: message.ok_or_else(|| columns.impossible("app_type", &kind))?,
        kept_for: Some(instant(columns, "expires_at")?.since(at)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Database;
    use super::super::idempotency::Remembered;
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn expired_events_are_deleted_in_small_batches() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::open(&folder.path().join("calls.db")).expect("a database");
        let alice = UserId::parse("alice").expect("an id");
        let profile = Profile {
            id: alice.clone(),
            name: "Alice".to_owned(),
            avatar: None,
        };
        database.add_user(&profile, at(0)).expect("added");
        let phone = Lacking::Sessions(vec![SessionId::new("a \"phone\"\n")]);
        let bob = UserId::parse("bob").expect("an id");
        let call = CallId::from_uuid(uuid::Uuid::from_u128(1));
        let ended = Event::Ended {
            call,
            ended_by: Actor::System,
            duration_seconds: 0,
        };
        let done = database.write(|db| {
            for second in 1..=5 {
                let (event, until) = (Event::TimedOut { call }, at(second + 10));
                db.store_pending_event(&alice, &event, at(second), until, &phone)?;
                let refused = false;
                db.remember(
                    &alice,
                    &second.to_string(),
                    Remembered { call, refused },
                    until,
                )?;
            }
            for expected in [2, 1, 0] {
                assert_eq!(db.delete_expired_events(at(13), 2)?.len(), expected);
                assert_eq!(db.delete_expired_keys(at(13), 2)?, expected);
            }
            let left = db.pending_events(&alice, at(13))?;
            let instants: Vec<_> = left.iter().map(|one| one.notice.at).collect();
            assert_eq!(instants, [at(4), at(5)]);
            assert_eq!(left[0].lacking, phone);
            db.delete_pending_event(left[0].row)?;
            assert_eq!(db.pending_events(&alice, at(13))?, left[1..]);
            let all = db.all_pending_events()?;
            assert!(all.contains(&alice, &Event::TimedOut { call }));
            assert!(
                !all.contains(&alice, &ended) && !all.contains(&bob, &Event::TimedOut { call })
            );
            let keys = |key: &str| -> Result<u32, Error> {
                let sql = "SELECT count(*) FROM idempotency_keys WHERE key = ?1";
                db.one(sql, params![key], |row| row.get(0))
            };
            assert_eq!((keys("3")?, keys("4")?), (0, 1));
            Ok(())
        });
        done.expect("written and read");
    }
}
