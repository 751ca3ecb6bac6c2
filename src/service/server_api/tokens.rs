//! Tokens for users, issued to the team's backend.

use crate::clock::Timestamp;
use crate::user::{AccountStatus, SessionId, UserId};

use super::super::Error;
use super::{Change, Reply, Requester, ServerApi};

/// What a token says, without the token: a repeated request signs the same one again, so none is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    /// When it is issued.
    pub at: Timestamp,
    /// The session that it names.
    pub session: SessionId,
}

impl ServerApi {
    /// Records that a token for `user` is issued, in `session` or a new one.
    ///
    /// # Errors
    /// [`Error::UserNotFound`] also for a disabled user, [`Error::Unavailable`].
    pub async fn issue_token(
        &self,
        requester: Requester,
        user: UserId,
        session: Option<SessionId>,
    ) -> Result<IssuedToken, Error> {
        let at = self.0.clock.wall();
        let new = self.0.random.uuid_v7(at);
        let session = session.unwrap_or_else(|| SessionId::new(&new.to_string()));
        let work = move |db: &crate::store::Write<'_>| {
            let known = db.user(&user)?;
            if !known.is_some_and(|known| known.standing == AccountStatus::Active) {
                return Err(Error::UserNotFound(user));
            }
            let reply = Reply {
                status: 200,
                body: format!("{} {session}", at.as_millis()),
            };
            Ok((reply, Some(Change::of("token.issue", user))))
        };
        let Reply { body, .. } = self.change_once(requester, work).await?;
        let stored = body.split_once(' ');
        let issued = stored.and_then(|(at, session)| Some((at.parse().ok()?, session)));
        let (at, session) = issued.ok_or_else(|| {
            Error::Internal("a stored reply holds no time and session of a token".into())
        })?;
        Ok(IssuedToken {
            at: Timestamp::from_millis(at),
            session: SessionId::new(session),
        })
    }
}
