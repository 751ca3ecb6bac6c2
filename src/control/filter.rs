//! Filter of the call changes that a command watches.

use crate::call::{CallType, Status};
use crate::service::Change;
use crate::user::UserId;
use crate::wire::control::WatchFilter;

/// Filter of changes; all of its conditions must match.
pub(super) struct Filter {
    live: bool,
    user: Option<UserId>,
    status: Option<Status>,
    call_type: Option<CallType>,
}

impl Filter {
    /// Parses `watched`; returns the reason if it is not valid.
    pub(super) fn read(watched: &WatchFilter) -> Result<Self, String> {
        let user = |word: &str| UserId::parse(word).ok_or(UserId::EXPECTED.to_owned());
        Ok(Self {
            live: watched.live,
            user: read("user", watched.user.as_deref(), user)?,
            status: read("status", watched.status.as_deref(), |word| {
                one_of(Status::ALL, Status::as_str, word)
            })?,
            call_type: read("callType", watched.call_type.as_deref(), |word| {
                one_of(CallType::ALL, CallType::as_str, word)
            })?,
        })
    }

    pub(super) fn lets_through(&self, change: &Change) -> bool {
        let Change { call, entry } = change;
        (!self.live || entry.status.is_live())
            && self.status.is_none_or(|status| entry.status == status)
            && self.call_type.is_none_or(|one| call.call_type == one)
            && self
                .user
                .as_ref()
                .is_none_or(|user| call.has_participant(user))
    }
}

/// Parses `name` if it is given; `parse` fails with what was expected.
fn read<T>(
    name: &str,
    word: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let parsed = word.map(parse).transpose();
    parsed.map_err(|expected| format!("{name}: expected {expected}"))
}

fn one_of<T: Copy, const N: usize>(
    all: [T; N],
    word: fn(T) -> &'static str,
    said: &str,
) -> Result<T, String> {
    let meant = all.into_iter().find(|one| word(*one) == said);
    meant.ok_or_else(|| all.map(word).join(", "))
}
