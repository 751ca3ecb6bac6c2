//! User files: CSV with a header line, or a JSON list.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use chattrix::user::{AccountStatus, Profile};
use chattrix::wire::server_api::users::standing_of as standing_of_word;
use csv::{ByteRecord, ReaderBuilder, Trim};
use serde_json::{Map, Value};

use super::super::error::CliError;
use super::super::output::printable;
use super::super::token::user_id;
use super::{avatar, name};

/// Record of one user.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// Profile; no avatar if the file has none.
    pub profile: Profile,
    /// Standing, if the file has one.
    pub standing: Option<AccountStatus>,
}

/// Entry of a file: a record or an error.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Line in a CSV file, or position in a JSON list, from 1.
    pub place: u64,
    /// Id as written in the file, if present.
    pub id: Option<String>,
    /// The record, or the reason for its rejection.
    pub record: Result<Record, String>,
}

/// Fields of a record, in the order of the exported columns.
pub const FIELDS: [&str; 4] = ["id", "name", "avatar", "standing"];

/// First characters of a cell that a spreadsheet takes for a formula (OWASP, CSV injection; the wide ones in East Asian
/// locales), and the mark itself, so
/// that a cell that begins with the mark is read back as it was.
const MARKED: [char; 11] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', MARK];

/// Put before such a cell; a spreadsheet shows the rest as text.
const MARK: char = '\'';

/// Returns `cell` with a mark before it if a spreadsheet would run it.
pub fn marked(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(MARKED) {
        Cow::Owned(format!("{MARK}{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// Returns `cell` without the mark of [`marked`].
fn unmarked(cell: &str) -> &str {
    match cell.strip_prefix(MARK) {
        Some(rest) if rest.starts_with(MARKED) => rest,
        Some(_) | None => cell,
    }
}

/// Returns the delimiter of a CSV file: `;`, which spreadsheets write in many countries, if the line of headings has it
/// and no comma.
fn delimiter(text: &[u8]) -> u8 {
    let headings = text.split(|byte| *byte == b'\n').next().unwrap_or(text);
    if headings.contains(&b';') && !headings.contains(&b',') {
        b';'
    } else {
        b','
    }
}

/// Reads `file` by its extension.
///
/// # Errors
/// The file cannot be read, or has another extension.
pub fn read(file: &Path) -> Result<Vec<Entry>, CliError> {
    let extension = file.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    let parse = match extension.as_ref().and_then(|text| text.to_str()) {
        Some("csv") => of_csv,
        Some("json") => of_json,
        Some(_) | None => {
            let shown = file.display();
            return Err(CliError::usage(format!(
                "{shown}: expected a .csv or .json file"
            )));
        }
    };
    let shown = file.display();
    let text =
        fs::read(file).map_err(|error| CliError::new(format!("cannot read {shown}: {error}")))?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let mut entries = parse(text).map_err(|error| CliError::new(format!("{shown}: {error}")))?;
    refuse_repetitions(&mut entries);
    Ok(entries)
}

/// Rejects repeated records of a user: the first one counts.
fn refuse_repetitions(entries: &mut [Entry]) {
    let mut places = HashMap::with_capacity(entries.len());
    for entry in entries {
        let Ok(Record { profile, .. }) = &entry.record else {
            continue;
        };
        if let Some(first) = places.get(&profile.id) {
            entry.record = Err(format!("id: already in record {first}"));
        } else {
            places.insert(profile.id.clone(), entry.place);
        }
    }
}

fn of_csv(text: &[u8]) -> Result<Vec<Entry>, String> {
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .delimiter(delimiter(text))
        .trim(Trim::All)
        .from_reader(text);
    let headings = reader
        .byte_headers()
        .map_err(|error| error.to_string())?
        .clone();
    let column = |name: &str| {
        headings
            .iter()
            .position(|heading| heading.eq_ignore_ascii_case(name.as_bytes()))
    };
    let columns = FIELDS.map(column);
    if columns[0].is_none() || columns[1].is_none() {
        return Err(
            "expected a header line with the columns id and name, and optionally avatar and \
             standing, separated by commas"
                .to_owned(),
        );
    }
    let mut entries = Vec::new();
    for row in reader.byte_records() {
        let row = row.map_err(|error| error.to_string())?;
        let line = row.position().map_or(0, csv::Position::line);
        entries.push(of_row(&row, line, headings.len(), columns));
    }
    Ok(entries)
}

fn of_row(row: &ByteRecord, line: u64, width: usize, columns: [Option<usize>; 4]) -> Entry {
    let cell = |index: usize| {
        let bytes = columns[index].and_then(|column| row.get(column));
        bytes.map_or(Ok(""), |bytes| {
            std::str::from_utf8(bytes)
                .map(unmarked)
                .map_err(|_| format!("{}: not UTF-8", FIELDS[index]))
        })
    };
    let record = || {
        if row.len() != width {
            return Err(format!("expected {width} cells, got {}", row.len()));
        }
        let optional = |index| cell(index).map(|text| Some(text).filter(|text| !text.is_empty()));
        record(cell(0)?, cell(1)?, optional(2)?, optional(3)?)
    };
    Entry {
        place: line,
        id: cell(0).ok().map(ToOwned::to_owned),
        record: record(),
    }
}

fn of_json(text: &[u8]) -> Result<Vec<Entry>, String> {
    let list: Vec<Value> = serde_json::from_slice(text)
        .map_err(|error| format!("expected a JSON list of users: {error}"))?;
    let entries = (1..).zip(list).map(|(place, value)| Entry {
        place,
        id: value["id"].as_str().map(ToOwned::to_owned),
        record: of_value(&value),
    });
    Ok(entries.collect())
}

fn of_value(value: &Value) -> Result<Record, String> {
    let object = value.as_object().ok_or("expected a JSON object")?;
    record(
        text(object, "id")?.unwrap_or_default(),
        text(object, "name")?.unwrap_or_default(),
        text(object, "avatar")?,
        text(object, "standing")?,
    )
}

/// Returns the text of a field, or none if it is missing or null.
fn text<'a>(object: &'a Map<String, Value>, field: &str) -> Result<Option<&'a str>, String> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{field}: expected a text")),
    }
}

fn record(
    id: &str,
    given_name: &str,
    picture: Option<&str>,
    standing: Option<&str>,
) -> Result<Record, String> {
    let avatar = picture.map(|text| field("avatar", text, avatar));
    let standing = standing.map(|text| field("standing", text, standing_of));
    Ok(Record {
        profile: Profile {
            id: field("id", id, user_id)?,
            name: field("name", given_name, name)?,
            avatar: avatar.transpose()?,
        },
        standing: standing.transpose()?,
    })
}

/// Parses a field with `read`; the error names the field.
fn field<T>(
    name: &str,
    text: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, String> {
    read(text).map_err(|expected| format!("{name}: {expected}, got {}", shown(text)))
}

fn standing_of(text: &str) -> Result<AccountStatus, String> {
    standing_of_word(text).ok_or_else(|| "expected active or disabled".to_owned())
}

/// Quotes a text for an error message, if it is short.
fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.chars().count() {
        0 => "nothing".to_owned(),
        length if length > LONGEST => format!("{length} characters"),
        _ => format!("\"{}\"", printable(text)),
    }
}
