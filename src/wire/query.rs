//! Query parameters of REST requests (contract section 5). Unknown parameters are ignored.

use crate::call::{CallId, CallType, Direction, Filter, Outcome, Period};

use crate::user::UserId;

use super::cursor;
use super::fields::ValidationError;

/// Default number of entries on a page.
pub(crate) const PAGE: u32 = 20;

/// Maximum number of entries on a page: about 30 KB.
pub(crate) const LONGEST_PAGE: u32 = 100;

/// Parameters of `GET /v1/calls/history`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// `status`, `callType` and `direction`.
    pub filter: Filter,
    /// `cursor`: the last call of the previous page.
    pub before: Option<CallId>,
    /// `limit`.
    pub limit: u32,
}

/// Query parameters of a URL, decoded, in order.
#[derive(Clone, Debug, Default)]
pub struct Parameters<'a>(Vec<(&'a str, &'a str)>);

impl<'a> FromIterator<(&'a str, &'a str)> for Parameters<'a> {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl Parameters<'_> {
    /// Returns the parameters of `GET /v1/calls/history`. An empty `cursor` is that of the first page.
    pub fn history(&self) -> Result<History, ValidationError> {
        Ok(History {
            filter: Filter {
                outcome: self.one_of("status", &Outcome::ALL, Outcome::as_str)?,
                call_type: self.one_of("callType", &CallType::ALL, CallType::as_str)?,
                direction: self.one_of("direction", &Direction::ALL, Direction::as_str)?,
            },
            before: self.call_cursor()?,
            limit: self.limit()?.unwrap_or(PAGE),
        })
    }

    /// Returns the parameter `period` of `GET /v1/calls/statistics`.
    pub fn period(&self) -> Result<Period, ValidationError> {
        let period = self.one_of("period", &Period::ALL, Period::as_str)?;
        Ok(period.unwrap_or(Period::All))
    }

    /// Returns the parameter `userId` of `DELETE /v1/users/blocks` and `/v1/contacts`, if there is one.
    pub fn user(&self) -> Result<Option<UserId>, ValidationError> {
        self.parsed("userId", UserId::EXPECTED, UserId::parse)
    }

    /// The parameter `cursor` of a list of calls: the call that the page before ended with. An empty one is the first
    /// page's.
    pub(super) fn call_cursor(&self) -> Result<Option<CallId>, ValidationError> {
        const CURSOR: &str = "the nextCursor of the page before";
        let is_first = |text: &str| text.is_empty().then_some(None);
        let before = self.parsed("cursor", CURSOR, |text| {
            is_first(text).or_else(|| cursor::parse(text).map(Some))
        })?;
        Ok(before.flatten())
    }

    /// The parameter `limit`.
    pub(super) fn limit(&self) -> Result<Option<u32>, ValidationError> {
        self.parsed("limit", "an integer from 1 to 100", limit)
    }

    /// Returns the one of `all` whose word is the parameter `name`.
    pub(super) fn one_of<T: Copy>(
        &self,
        name: &str,
        all: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, ValidationError> {
        let words: Vec<&str> = all.iter().map(|one| word(*one)).collect();
        let find = |text: &str| all.iter().copied().find(|one| word(*one) == text);
        self.parsed(name, &format!("one of {}", words.join(", ")), find)
    }

    /// Returns the parameter `name`, parsed by `parse`; `expected` describes valid texts.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ValidationError> {
        let mut given = self.0.iter().filter(|(given, _)| *given == name);
        let Some((_, text)) = given.next() else {
            return Ok(None);
        };
        if given.next().is_some() {
            return Err(ValidationError(format!(
                "{name}: expected once, got several"
            )));
        }
        let wrong = || {
            let shown: String = text.chars().take(32).collect();
            ValidationError(format!("{name}: expected {expected}, got {shown:?}"))
        };
        parse(text).map(Some).ok_or_else(wrong)
    }
}

fn limit(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = is_number.then(|| text.parse().ok())?;
    limit.filter(|limit| (1..=LONGEST_PAGE).contains(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(pairs: &[(&str, &str)]) -> Result<History, String> {
        let parameters: Parameters<'_> = pairs.iter().copied().collect();
        parameters
            .history()
            .map_err(|ValidationError(message)| message)
    }

    #[test]
    fn without_parameters_the_newest_20_of_all_are_meant() {
        let expected = History {
            filter: Filter::default(),
            before: None,
            limit: 20,
        };
        assert_eq!(history(&[]), Ok(expected));
        assert_eq!(history(&[("cursor", ""), ("page", "7")]), Ok(expected));
    }

    #[test]
    fn every_parameter_is_read() {
        let call = CallId::parse("0192f0c1-7a4b-7c3d-8e5f-0123456789ab").expect("a call id");
        let read = history(&[
            ("limit", "100"),
            ("cursor", &cursor::after(call)),
            ("status", "MISSED"),
            ("callType", "AUDIO"),
            ("direction", "INCOMING"),
        ]);
        let filter = Filter {
            outcome: Some(Outcome::Missed),
            call_type: Some(CallType::Audio),
            direction: Some(Direction::Incoming),
        };
        let before = Some(call);
        assert_eq!(
            read,
            Ok(History {
                filter,
                before,
                limit: 100
            })
        );
    }

    #[test]
    fn a_wrong_parameter_is_named_with_what_was_expected() {
        for (name, wrong, expected) in [
            ("limit", "0", "an integer from 1 to 100"),
            ("limit", "101", "1 to 100"),
            ("limit", "-1", "1 to 100"),
            ("limit", "+1", "1 to 100"),
            ("limit", "1.0", "1 to 100"),
            ("limit", "", "1 to 100"),
            ("limit", "99999999999999999999", "1 to 100"),
            ("cursor", "x", "nextCursor"),
            (
                "status",
                "ENDED",
                "one of COMPLETED, MISSED, REJECTED, CANCELLED",
            ),
            ("status", "missed", "MISSED"),
            ("status", "", "MISSED"),
            ("callType", "TEXT", "one of AUDIO, VIDEO"),
            ("direction", "UP", "one of INCOMING, OUTGOING"),
        ] {
            let message = history(&[(name, wrong)]).expect_err(wrong);
            assert!(
                message.starts_with(&format!("{name}: expected ")),
                "{message}"
            );
            assert!(message.contains(expected), "{message}");
        }
        let twice = history(&[("limit", "1"), ("limit", "1")]).expect_err("twice");
        assert!(twice.starts_with("limit: "), "{twice}");
    }

    #[test]
    fn period_defaults_to_all() {
        let period = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().copied().collect::<Parameters<'_>>().period()
        };
        assert_eq!(period(&[]), Ok(Period::All));
        for expected in Period::ALL {
            assert_eq!(period(&[("period", expected.as_str())]), Ok(expected));
        }
        for wrong in ["", "Day", "decade"] {
            let ValidationError(message) = period(&[("period", wrong)]).expect_err(wrong);
            assert!(
                message.contains("one of day, week, month, year, all"),
                "{message}"
            );
        }
    }
}
