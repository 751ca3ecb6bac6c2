//! Session commands of the control socket.

use crate::service::Service;
use crate::user::{SessionId, UserId};
use crate::wire::control::{Answer, Session};

use super::connection::failed;

/// Returns the connected sessions of `user`, or of all users.
pub(super) fn list(service: &Service, user: Option<&str>) -> Answer {
    let Ok(user) = user.map(parse).transpose() else {
        return not_a_user();
    };
    if let Some(unknown) = user.as_ref().and_then(|user| unknown(service, user)) {
        return unknown;
    }
    let mut sessions = service.sessions().connected(user.as_ref());
    sessions.sort_by(|(one, first), (other, second)| {
        let by_time = first.connected_at.cmp(&second.connected_at);
        one.cmp(other).then(by_time)
    });
    let sessions = sessions.into_iter().map(|(user, session)| Session {
        user_id: user.to_string(),
        session_id: session.id.to_string(),
        connected_at: session.connected_at.to_string(),
        responsive: session.is_responsive,
    });
    Answer::Sessions {
        sessions: sessions.collect(),
    }
}

/// Closes the session `session` of `user`, or all of the user's.
pub(super) async fn close(
    service: &Service,
    user: &str,
    session: Option<&str>,
    reconnects: bool,
) -> Answer {
    let Ok(user) = parse(user) else {
        return not_a_user();
    };
    if let Some(unknown) = unknown(service, &user) {
        return unknown;
    }
    let session = session.map(SessionId::new);
    let closing = service.sessions().close(user.clone(), session, reconnects);
    let count = match closing.await {
        Ok(count) => count,
        Err(error) => return failed(&error),
    };
    tracing::info!(%user, count, "an administrator disconnected sessions");
    Answer::Counted { count }
}

/// Returns the answer about `user` if there is no such user.
fn unknown(service: &Service, user: &UserId) -> Option<Answer> {
    let sessions = service.server_api().sessions_of(user.clone());
    sessions.err().map(|error| failed(&error))
}

fn parse(user: &str) -> Result<UserId, ()> {
    UserId::parse(user).ok_or(())
}

fn not_a_user() -> Answer {
    Answer::Failed {
        message: format!("user: expected {}", UserId::EXPECTED),
    }
}
