//! Enumerations as small integers: a value's code is its place in the list of all values. New values are
//! added at the end of a list; none is ever moved, since files in the field hold the codes.

use rusqlite::Row;

use super::error::Error;

/// The code of `value`.
pub(super) fn encode<T: PartialEq>(all: &[T], value: &T) -> i64 {
    let place = all.iter().position(|one| one == value);
    place
        .and_then(|place| i64::try_from(place).ok())
        .expect("the list holds every value of its type")
}

/// Reads columns of one row, and names table, column and row of what cannot be.
pub(super) struct Columns<'r> {
    pub row: &'r Row<'r>,
    pub table: &'static str,
    pub id: &'r dyn std::fmt::Display,
}

impl Columns<'_> {
    /// The value of `column`, whose code stands there.
    pub fn decode<T: Copy>(&self, all: &[T], column: &'static str) -> Result<T, Error> {
        let code: i64 = self.get(column)?;
        let place = usize::try_from(code).ok();
        place
            .and_then(|place| all.get(place).copied())
            .ok_or_else(|| self.impossible(column, &code.to_string()))
    }

    /// The value of `column` as the engine has it.
    pub fn get<T: rusqlite::types::FromSql>(&self, column: &'static str) -> Result<T, Error> {
        self.row
            .get(column)
            .map_err(|error| self.impossible(column, &error.to_string()))
    }

    /// The value of `column`, which must be there.
    pub fn required<T: rusqlite::types::FromSql>(&self, column: &'static str) -> Result<T, Error> {
        self.get::<Option<T>>(column)?
            .ok_or_else(|| self.impossible(column, "nothing"))
    }

    /// The error that `column` holds something impossible.
    pub fn impossible(&self, column: &'static str, found: &str) -> Error {
        Error::Inconsistent {
            table: self.table,
            column,
            id: self.id.to_string(),
            found: found.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{CallType, Cause, Direction, Outcome, RejectReason, Source, Status};

    #[test]
    fn the_codes_in_the_field_never_change() {
        let codes: Vec<(String, i64)> = Status::ALL
            .iter()
            .map(|s| (s.to_string(), encode(&Status::ALL, s)))
            .collect();
        let expected = [
            "INITIATING",
            "RINGING",
            "CONNECTING",
            "ACTIVE",
            "ENDED",
            "REJECTED",
            "MISSED",
        ];
        assert_eq!(
            codes,
            expected
                .iter()
                .zip(0..)
                .map(|(s, n)| ((*s).to_owned(), n))
                .collect::<Vec<_>>()
        );
        assert_eq!(encode(&CallType::ALL, &CallType::Video), 1);
        assert_eq!(encode(&RejectReason::ALL, &RejectReason::Unavailable), 2);
        assert_eq!(encode(&Outcome::ALL, &Outcome::Cancelled), 3);
        assert_eq!(encode(&Direction::ALL, &Direction::Outgoing), 1);
        assert_eq!(encode(&Source::ALL, &Source::Admin), 3);
        assert_eq!(encode(&Cause::ALL, &Cause::MaxDuration), 9);
    }
}
