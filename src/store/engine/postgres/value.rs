//! Values on their way to PostgreSQL and back: those of SQLite, in the binary format of the column's type.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use rusqlite::types::{Value, ValueRef};
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

/// Parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parameter(pub Value);

/// Length from which a text is long.
const LONG: usize = 1024;

impl Parameter {
    /// Whether it is a long text.
    pub fn is_long(&self) -> bool {
        matches!(&self.0, Value::Text(text) if text.len() >= LONG)
    }

    /// Checks that PostgreSQL can store the value.
    ///
    /// # Errors
    /// A text contains the character NUL.
    pub fn check(&self) -> Result<(), rusqlite::Error> {
        match &self.0 {
            Value::Text(text) if text.contains('\0') => Err(contains_nul()),
            _ => Ok(()),
        }
    }

    /// Appends the value to `out` as a literal for a parameter of the type `kind`.
    ///
    /// # Errors
    /// A text contains the character NUL, which PostgreSQL cannot store.
    pub fn write_literal(&self, kind: &Type, out: &mut String) -> Result<(), rusqlite::Error> {
        match (&self.0, kind) {
            (Value::Null, _) => out.push_str("NULL"),
            (Value::Integer(value), &Type::BOOL) => {
                let _ = write!(out, "'{}'", *value != 0);
            }
            (Value::Integer(value), _) => {
                let _ = write!(out, "'{value}'");
            }
            (Value::Real(value), _) => {
                let _ = write!(out, "'{value:?}'");
            }
            (Value::Text(value), _) => write_text(value, out)?,
            (Value::Blob(value), _) => {
                // The same with and without the setting standard_conforming_strings.
                out.push_str(if *kind == Type::UUID { " '" } else { r" E'\\x" });
                for byte in value {
                    let _ = write!(out, "{byte:02x}");
                }
                out.push('\'');
            }
        }
        Ok(())
    }
}

fn contains_nul() -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure("a text contains the character NUL".into())
}

/// Appends `text` as a literal that is the same with and without the setting `standard_conforming_strings`.
fn write_text(text: &str, out: &mut String) -> Result<(), rusqlite::Error> {
    out.push_str(" E'");
    for char in text.chars() {
        match char {
            '\0' => return Err(contains_nul()),
            '\'' | '\\' => out.extend([char, char]),
            _ => out.push(char),
        }
    }
    out.push('\'');
    Ok(())
}

impl ToSql for Parameter {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match &self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Integer(value) => match *kind {
                Type::BOOL => out.put_u8(u8::from(*value != 0)),
                Type::INT2 => out.put_i16(i16::try_from(*value)?),
                Type::INT4 => out.put_i32(i32::try_from(*value)?),
                Type::INT8 => out.put_i64(*value),
                _ => return Err(unexpected("an integer", kind)),
            },
            Value::Real(value) => match *kind {
                Type::FLOAT8 => out.put_f64(*value),
                _ => return Err(unexpected("a floating-point number", kind)),
            },
            Value::Text(value) => match *kind {
                Type::TEXT | Type::VARCHAR | Type::NAME => out.put_slice(value.as_bytes()),
                _ => return Err(unexpected("a text", kind)),
            },
            Value::Blob(value) => match *kind {
                Type::BYTEA | Type::UUID => out.put_slice(value),
                _ => return Err(unexpected("bytes", kind)),
            },
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Parameter of a statement for many rows: the values of one parameter in all rows, as an array.
#[derive(Debug)]
pub(super) struct Column<'r> {
    rows: &'r [Arc<Vec<Parameter>>],
    place: usize,
}

impl<'r> Column<'r> {
    /// Returns the columns of `rows`, all of which are as long as the first.
    pub fn all_of(rows: &'r [Arc<Vec<Parameter>>]) -> Vec<Self> {
        let count = rows.first().map_or(0, |row| row.len());
        (0..count).map(|place| Self { rows, place }).collect()
    }
}

impl ToSql for Column<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Kind::Array(element) = kind.kind() else {
            return Err(unexpected("an array", kind));
        };
        // One dimension, nulls allowed, type of the elements; their number, and the index of the first.
        out.put_i32(1);
        out.put_i32(1);
        out.put_u32(element.oid());
        out.put_i32(i32::try_from(self.rows.len())?);
        out.put_i32(1);
        for row in self.rows {
            let start = out.len();
            out.put_i32(-1);
            if let IsNull::No = row[self.place].to_sql(element, out)? {
                let length = i32::try_from(out.len() - start - size_of::<i32>())?;
                out[start..start + size_of::<i32>()].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn unexpected(found: &str, kind: &Type) -> Box<dyn Error + Sync + Send> {
    format!("a parameter of the type {kind} cannot be {found}").into()
}

/// Value of a column.
pub(super) struct Cell<'r>(pub ValueRef<'r>);

impl<'r> FromSql<'r> for Cell<'r> {
    fn from_sql(kind: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *kind {
            Type::BOOL => ValueRef::Integer((raw == [1]).into()),
            Type::INT2 => ValueRef::Integer(i16::from_be_bytes(raw.try_into()?).into()),
            Type::INT4 => ValueRef::Integer(i32::from_be_bytes(raw.try_into()?).into()),
            Type::INT8 => ValueRef::Integer(i64::from_be_bytes(raw.try_into()?)),
            Type::FLOAT8 => ValueRef::Real(f64::from_be_bytes(raw.try_into()?)),
            Type::BYTEA | Type::UUID => ValueRef::Blob(raw),
            Type::TEXT | Type::VARCHAR | Type::NAME => ValueRef::Text(raw),
            _ => return Err(format!("a column of the type {kind} cannot be read").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(ValueRef::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_keep_quotes_and_backslashes() {
        let literal = |value: Value, kind: &Type| {
            let mut out = String::new();
            let written = Parameter(value).write_literal(kind, &mut out);
            written.map(|()| out).map_err(|error| error.to_string())
        };
        let text = |text: &str| literal(Value::Text(text.to_owned()), &Type::TEXT);
        assert_eq!(text(r"a'b\c").as_deref(), Ok(r" E'a''b\\c'"));
        assert!(text("a\0b").is_err());
        let bytes = |kind| literal(Value::Blob(vec![0, 0xab]), kind);
        assert_eq!(bytes(&Type::BYTEA).as_deref(), Ok(r" E'\\x00ab'"));
        assert_eq!(bytes(&Type::UUID).as_deref(), Ok(" '00ab'"));
        let number = |kind| literal(Value::Integer(1), kind);
        assert_eq!(number(&Type::INT8).as_deref(), Ok("'1'"));
        assert_eq!(number(&Type::BOOL).as_deref(), Ok("'true'"));
    }
}
