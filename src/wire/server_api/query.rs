//! What a backend asks in a URL after the question mark.

use std::time::Duration;

use crate::call::{CallId, CallType, Status};
use crate::clock::Timestamp;
use crate::user::UserId;
use crate::webhook_model::MessageId;
use crate::webhook_model::delivery::EndpointId;
use crate::webhook_model::message::State;
use crate::wire::cursor;
use crate::wire::fields::ValidationError;
use crate::wire::query::{PAGE, Parameters};

use super::webhooks;

/// Longest text that users are searched by.
const LONGEST_TEXT: usize = 200;

/// Period of statistics if the request does not say.
const DEFAULT_PERIOD: Duration = Duration::from_hours(30 * 24);

/// Longest period of statistics.
const LONGEST_PERIOD: Duration = Duration::from_hours(366 * 24);

/// The parameters of `GET /users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users {
    /// `cursor`: the id that the page before ended with.
    pub after: Option<UserId>,
    /// `query`: text in the id or name; empty for all.
    pub text: String,
    /// `limit`.
    pub limit: u32,
}

/// The parameters of `GET /calls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// `live`: only live calls.
    pub live: bool,
    /// `user`: only calls of this user.
    pub user: Option<UserId>,
    /// `status`.
    pub status: Option<Status>,
    /// `type`.
    pub call_type: Option<CallType>,
    /// `since`: only calls created then or later.
    pub since: Option<Timestamp>,
    /// The call that the page before ended with, or the first one at `until`.
    pub before: Option<CallId>,
    /// `limit`.
    pub limit: u32,
}

/// The parameters of `GET /webhooks/messages`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookMessages {
    /// `state`.
    pub state: Option<State>,
    /// The message and endpoint that the page before ended with.
    pub after: Option<(MessageId, EndpointId)>,
    /// `limit`.
    pub limit: u32,
}

/// The parameters of `GET /statistics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// `from` and `to`.
    pub period: [Timestamp; 2],
    /// Whether `by=day`.
    pub by_day: bool,
}

impl Parameters<'_> {
    /// The parameters of `GET /users`.
    pub fn users(&self) -> Result<Users, ValidationError> {
        const CURSOR: &str = "the nextCursor of the page before";
        const QUERY: &str = "at most 200 characters";
        let is_first = |text: &str| text.is_empty().then_some(None);
        let after = self.parsed("cursor", CURSOR, |text| {
            is_first(text).or_else(|| cursor::parse_user(text).map(Some))
        })?;
        let text = self.parsed("query", QUERY, |text| {
            (text.chars().count() <= LONGEST_TEXT).then(|| text.to_owned())
        })?;
        Ok(Users {
            after: after.flatten(),
            text: text.unwrap_or_default(),
            limit: self.limit()?.unwrap_or(PAGE),
        })
    }

    /// The parameters of `GET /calls`.
    pub fn calls(&self) -> Result<Calls, ValidationError> {
        let until = self.instant("until")?.map(CallId::first_at);
        let cursor = self.call_cursor()?;
        Ok(Calls {
            live: self.switch("live")?.unwrap_or(false),
            user: self.parsed("user", UserId::EXPECTED, UserId::parse)?,
            status: self.one_of("status", &Status::ALL, Status::as_str)?,
            call_type: self.one_of("type", &CallType::ALL, CallType::as_str)?,
            since: self.instant("since")?,
            before: [until, cursor].into_iter().flatten().min(),
            limit: self.limit()?.unwrap_or(PAGE),
        })
    }

    /// The parameters of `GET /webhooks/messages`.
    pub fn webhook_messages(&self) -> Result<WebhookMessages, ValidationError> {
        const CURSOR: &str = "the nextCursor of the page before";
        let after = self.parsed("cursor", CURSOR, |text| {
            let first = text.is_empty().then_some(None);
            first.or_else(|| webhooks::cursor(text).map(Some))
        })?;
        Ok(WebhookMessages {
            state: self.one_of("state", &State::ALL, State::as_str)?,
            after: after.flatten(),
            limit: self.limit()?.unwrap_or(PAGE),
        })
    }

    /// The parameters of `GET /statistics`: the last 30 days before `now` if nothing else is said.
    ///
    /// # Errors
    /// [`ValidationError`], also for a period that is empty or longer than 366 days.
    pub fn statistics(&self, now: Timestamp) -> Result<Statistics, ValidationError> {
        let to = self.instant("to")?.unwrap_or(now);
        let from = self.instant("from")?.unwrap_or(to.minus(DEFAULT_PERIOD));
        if from >= to || to.since(from) > LONGEST_PERIOD {
            return Err(ValidationError(
                "from, to: expected a period of at most 366 days".to_owned(),
            ));
        }
        let by_day = self.one_of("by", &["day"], |word| word)?.is_some();
        Ok(Statistics {
            period: [from, to],
            by_day,
        })
    }

    /// The parameter `reconnect` of `DELETE /users/{userId}/sessions`.
    pub fn reconnects(&self) -> Result<bool, ValidationError> {
        Ok(self.switch("reconnect")?.unwrap_or(false))
    }

    fn instant(&self, name: &str) -> Result<Option<Timestamp>, ValidationError> {
        const INSTANT: &str = "an instant such as 2024-01-15T10:30:00Z";
        self.parsed(name, INSTANT, Timestamp::parse)
    }

    fn switch(&self, name: &str) -> Result<Option<bool>, ValidationError> {
        self.parsed(name, "true or false", |text| text.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters<'a>(pairs: &[(&'a str, &'a str)]) -> Parameters<'a> {
        pairs.iter().copied().collect()
    }

    #[test]
    fn until_and_cursor_are_both_heeded() {
        let call = CallId::parse("0192f0c1-7a4b-7c3d-8e5f-0123456789ab").expect("a call id");
        let cursor = cursor::after(call);
        let read = parameters(&[("cursor", &cursor), ("until", "2200-01-01T00:00:00Z")]).calls();
        assert_eq!(read.expect("parameters").before, Some(call));
        let read = parameters(&[("cursor", &cursor), ("until", "2000-01-01T00:00:00Z")]).calls();
        assert!(read.expect("parameters").before < Some(call));
    }

    #[test]
    fn wrong_parameters_are_named() {
        for (name, wrong) in [
            ("live", "yes"),
            ("user", ""),
            ("status", "OVER"),
            ("type", "TEXT"),
            ("since", "yesterday"),
            ("until", "1"),
            ("cursor", "x"),
            ("limit", "0"),
        ] {
            let ValidationError(message) = parameters(&[(name, wrong)]).calls().expect_err(wrong);
            assert!(message.starts_with(&format!("{name}: ")), "{message}");
        }
    }

    #[test]
    fn statistics_need_a_period_of_at_most_a_year() {
        let now = Timestamp::parse("2024-06-01T00:00:00Z").expect("an instant");
        let read = parameters(&[]).statistics(now).expect("parameters");
        assert_eq!(read.period[1], now);
        for wrong in [
            [("from", "2024-06-01T00:00:00Z")],
            [("from", "2022-06-01T00:00:00Z")],
            [("to", "never")],
            [("by", "week")],
        ] {
            assert!(parameters(&wrong).statistics(now).is_err(), "{wrong:?}");
        }
    }
}
