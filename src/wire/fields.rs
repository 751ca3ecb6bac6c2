//! Fields of a JSON object: reading and validation, with errors that name the field and what was expected.

use serde_json::{Map, Value};

/// Validation error of a body or message; its text says what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValidationError(pub String);

/// Fields of a JSON object. Unknown fields are ignored.
#[derive(Clone, Copy)]
pub struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// Returns the fields of `value`, which messages call `name`.
    ///
    /// # Errors
    /// [`ValidationError`] if it is not an object.
    pub fn of(value: &'a Value, name: &str) -> Result<Self, ValidationError> {
        let object = value.as_object();
        object.map(Self).ok_or_else(|| {
            ValidationError(format!(
                "{name}: expected a JSON object, got {}",
                kind(value)
            ))
        })
    }

    /// Returns the object in the field `name`.
    pub fn object(self, name: &str) -> Result<Self, ValidationError> {
        Self::of(self.required(name, "a JSON object")?, name)
    }

    /// Returns the text of the field `name`; `expected` describes valid texts.
    pub fn text(self, name: &str, expected: &str) -> Result<&'a str, ValidationError> {
        let value = self.required(name, expected)?;
        value.as_str().ok_or_else(|| wrong(name, expected, value))
    }

    /// Returns the text of the field `name`, parsed by `parse`; `expected` describes valid texts.
    pub fn parsed<T>(
        self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ValidationError> {
        let value = self.required(name, expected)?;
        value
            .as_str()
            .and_then(parse)
            .ok_or_else(|| wrong(name, expected, value))
    }

    /// Returns the one of `all` whose word is the text of the field `name`.
    pub fn one_of<T: Copy>(
        self,
        name: &str,
        all: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Result<T, ValidationError> {
        let words: Vec<&str> = all.iter().map(|one| word(*one)).collect();
        let find = |text: &str| all.iter().copied().find(|one| word(*one) == text);
        self.parsed(name, &format!("one of {}", words.join(", ")), find)
    }

    /// Returns the whole number from 0 to 2,147,483,647 in the field `name`, if it is present and not null.
    pub fn optional_count(self, name: &str) -> Result<Option<u32>, ValidationError> {
        const EXPECTED: &str = "an integer from 0 to 2147483647, or nothing";
        let Some(value) = self.any(name) else {
            return Ok(None);
        };
        let count = whole(value).and_then(|count| i32::try_from(count).ok());
        count
            .map(|count| Some(count.unsigned_abs()))
            .ok_or_else(|| wrong(name, EXPECTED, value))
    }

    /// Returns the field `name`, converted by `read`, if it is present and not null; `expected` describes valid values.
    pub fn optional<T>(
        self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, ValidationError> {
        let Some(value) = self.any(name) else {
            return Ok(None);
        };
        read(value)
            .map(Some)
            .ok_or_else(|| wrong(name, expected, value))
    }

    /// Returns the field `name`, converted by `read`; `expected` describes valid values.
    pub fn read<T>(
        self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, ValidationError> {
        let value = self.required(name, expected)?;
        read(value).ok_or_else(|| wrong(name, expected, value))
    }

    /// Returns the number in the field `name`, if it is present and not null; `fits` checks it, and `expected`
    /// describes valid numbers.
    pub fn optional_number(
        self,
        name: &str,
        expected: &str,
        fits: impl FnOnce(f64) -> bool,
    ) -> Result<Option<f64>, ValidationError> {
        let Some(value) = self.any(name) else {
            return Ok(None);
        };
        let number = value.as_f64().filter(|number| fits(*number));
        number.map(Some).ok_or_else(|| wrong(name, expected, value))
    }

    /// Returns the field `name`, if it is present and not null.
    #[must_use]
    pub fn any(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Returns the text of the field `name`, if it is present and a text.
    #[must_use]
    pub fn any_text(self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn required(self, name: &str, expected: &str) -> Result<&'a Value, ValidationError> {
        self.0
            .get(name)
            .ok_or_else(|| ValidationError(format!("{name} is missing: expected {expected}")))
    }
}

/// Returns the whole number that `value` equals: `3` and `3.0` are the same (RFC 8259, section 6).
pub(super) fn whole(value: &Value) -> Option<u64> {
    /// Above it, not every whole number can be represented.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let from_float = || {
        let number = value.as_f64()?;
        let is_whole = (0.0..=EXACT).contains(&number) && number.fract() == 0.0;
        // Rust has no other conversion; the number is whole and in range.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and within the range, as checked before"
        )]
        is_whole.then_some(number as u64)
    };
    value.as_u64().or_else(from_float)
}

fn wrong(name: &str, expected: &str, value: &Value) -> ValidationError {
    ValidationError(format!("{name}: expected {expected}, got {}", kind(value)))
}

/// Describes the type of a value, without more of its content than a message should repeat.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() <= 32 => format!("{text:?}"),
        Value::String(text) => format!("a text of {} bytes", text.len()),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
