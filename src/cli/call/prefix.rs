//! Call ids on the command line: complete, or shortened to a prefix that only one call has.

use chattrix::call::CallId;
use chattrix::clock::{Clock, Timestamp};
use chattrix::store::CallFilter;

use super::super::error::CliError;
use super::super::format;
use super::super::source::Source;

/// Hexadecimal digits of a call id.
const DIGITS: usize = 32;

/// Digits of the millisecond in which the call was created (RFC 9562, section 5.7).
const TIME_DIGITS: usize = 12;

/// Digits of the shortest prefix: fewer than this are a typing error.
const SHORTEST: usize = 4;

/// Characters of the shortest id that a table shows: the millisecond, with its hyphen.
const SHORTEST_SHOWN: usize = 13;

/// Calls that a prefix of fewer digits may have: more than a millisecond has.
const LOOKED_AT: u32 = 100;

/// Candidates that an error lists.
const LISTED: usize = 8;

/// Beginning of a call id.
#[derive(Clone, Debug)]
pub struct CallPrefix {
    /// The digits, in lower case and without hyphens.
    digits: String,
}

impl CallPrefix {
    /// Parses a call id or its beginning.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits = text.replace('-', "").to_ascii_lowercase();
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex && (SHORTEST..=DIGITS).contains(&digits.len()) {
            return Ok(Self { digits });
        }
        Err(format!(
            "expected a call id such as 0192f0c1-7a4b-7c3d-8e5f-0123456789ab, or its first {SHORTEST} digits or more"
        ))
    }

    /// Returns the call that the prefix means.
    ///
    /// # Errors
    /// No call begins with it, or several do.
    pub fn resolve(&self, source: &dyn Source) -> Result<CallId, CliError> {
        if let Some(id) = self.complete() {
            return Ok(id);
        }
        let [since, until] = self.period();
        let filter = CallFilter {
            since: Some(since),
            before: Some(CallId::first_at(until)),
            ..CallFilter::default()
        };
        let mut calls = source.calls(&filter, LOOKED_AT)?.records()?;
        calls.retain(|call| self.begins(call.id));
        match &calls[..] {
            [] => Err(
                CliError::new(format!("there is no call that begins with {}", self.digits))
                    .hint("chattrix call list shows the newest calls"),
            ),
            [call] => Ok(call.id),
            several => {
                let now = Clock::System.now();
                let listed = several.iter().take(LISTED).map(|call| {
                    let ago = format::ago(call.created_at, now);
                    let (caller, callee) = (&call.caller, &call.callee);
                    format!("\n  {} {} {caller} → {callee}, {ago}", call.id, call.status)
                });
                let more = if several.len() > LISTED {
                    "\n  …"
                } else {
                    ""
                };
                let listed: String = listed.collect();
                let digits = &self.digits;
                Err(
                    CliError::new(format!("several calls begin with {digits}: {listed}{more}"))
                        .hint("add digits until only one call is left"),
                )
            }
        }
    }

    fn complete(&self) -> Option<CallId> {
        let digits = (self.digits.len() == DIGITS).then_some(&self.digits)?;
        uuid::Uuid::try_parse(digits).ok().map(CallId::from_uuid)
    }

    /// Returns the first millisecond in which such a call can have been created, and the one after the last.
    fn period(&self) -> [Timestamp; 2] {
        let time = &self.digits[..self.digits.len().min(TIME_DIGITS)];
        let [first, last] = [filled_with(time, '0'), filled_with(time, 'f')];
        [first, last + 1].map(|at| Timestamp::from_millis(at).min(Timestamp::MAX))
    }

    fn begins(&self, id: CallId) -> bool {
        id.to_string().replace('-', "").starts_with(&self.digits)
    }
}

/// Returns the number of `time`, filled up with `digit`.
fn filled_with(time: &str, digit: char) -> i64 {
    let missing = TIME_DIGITS - time.len();
    let text = format!("{time}{}", digit.to_string().repeat(missing));
    i64::from_str_radix(&text, 16).expect("12 hexadecimal digits fit")
}

/// Returns the length to which all of `ids`, which are in order, can be shortened and still differ.
pub fn shown_length(ids: &[CallId]) -> usize {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let common = |pair: &[String]| {
        let same = pair[0].bytes().zip(pair[1].bytes());
        same.take_while(|(one, other)| one == other).count()
    };
    let needed = ids.windows(2).map(|pair| common(pair) + 1).max();
    needed.unwrap_or_default().max(SHORTEST_SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> CallId {
        CallId::parse(text).expect("a call id")
    }

    #[test]
    fn prefix_covers_its_calls_and_no_others() {
        let call = id("0192f0c1-7a4b-7c3d-8e5f-0123456789ab");
        for text in [
            "0192",
            "0192F0C1-7",
            "0192f0c17a4b7c3d",
            "0192f0c1-7a4b-7c3d-8e5f-0123456789ab",
        ] {
            let prefix = CallPrefix::parse(text).expect("a prefix");
            let [since, until] = prefix.period();
            assert!(
                since <= call.created_at() && call.created_at() < until,
                "{text}"
            );
            assert!(prefix.begins(call));
        }
        assert!(
            !CallPrefix::parse("0192f0c2")
                .expect("a prefix")
                .begins(call)
        );
        for wrong in [
            "",
            "019",
            "call-uuid-123",
            "0192g",
            "0192f0c1-7a4b-7c3d-8e5f-0123456789abc",
        ] {
            assert!(CallPrefix::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shown_ids_differ() {
        let [one, other, later] = [
            "0192f0c1-7a4b-7c3d-8e5f-0123456789ab",
            "0192f0c1-7a4b-7c3f-8e5f-0123456789ab",
            "0192f0c1-7a4c-7c3d-8e5f-0123456789ab",
        ]
        .map(id);
        assert_eq!(shown_length(&[later, one]), 13);
        assert_eq!(shown_length(&[other, one]), 18);
        assert_eq!(shown_length(&[]), 13);
    }
}
